// Package account knows who exists: users, their names, passwords, roles and
// blocks. It owns the rules for names and passwords, sign-up, the check of a
// password at sign-in with its throttling, and an administrator's acts on users.
//
// It does not know who is signed in (package session), nor how users are kept
// (the drivers under store), nor HTTP.
package account
