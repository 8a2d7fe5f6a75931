// Package account knows who exists: users, their names, passwords, roles and
// blocks. It owns the rules for names and passwords, sign-up, the check of a
// password at sign-in with its throttling, an administrator's acts on users, and
// the import of users from elsewhere.
//
//	signup.go    a stranger becomes a user
//	signin.go    a name and a password are whose?
//	password.go  a user changes their password
//	admin.go     create, roles, block, unblock, password, look up
//	last.go      the last administrator remains
//	reset.go     a code with which a user chooses another password, once
//	setup.go     a code with which the first administrator is made, once
//	import.go    users of another system, with their hashes
//	store.go     the contract of whoever keeps users
//
// What changes roles, password or block raises the user's epoch, so that access
// tokens issued before are stale, tells Config.Announce, and leaves an event.
//
// It does not know who is signed in (package session, which it asks to end
// sessions through the interface Sessions), nor how users are kept (the drivers
// under store), nor HTTP.
package account
