// Package session knows who is signed in. It owns sessions and the refresh
// tokens that prolong them: their format (token.go), the rule that decides what
// becomes of a presented token (judge.go), and the use cases around it.
//
//	Begin ──► generation 1 ──refresh──► 2 ──refresh──► 3 … ──► ended
//	                            │
//	            judge(session, token, request key, policy, now)
//	            keep · rotate · replay · straggler · reuse · ahead · ended
//
// A session is one row. Its generation only grows and its tombstone never goes
// away, so writes may be repeated or merged in any order. The refresh token is
// never stored: it carries a random handle, whose digest is the row's key, the
// generation, and a MAC. Every old token is therefore recognised for the
// session's whole life, without a row for it.
//
// It does not check passwords (package account), does not know how sessions are
// kept (the drivers under store), and speaks no HTTP.
package session
