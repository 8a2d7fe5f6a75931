// Package recovery makes a store whole again that was restored from a backup. Such a
// store is behind the tokens that clients hold, and it does not know what was
// ended since.
//
//	backup ──► store ◄── Join ── journal     what was ended since stays ended
//	             │
//	             └────── Open ──► a window   sessions that were rotated since go on
//	                               │
//	          Window ◄─────────────┘         read by every server that starts
//
// The window is an event in the store, audit.StoreRestored: every database can keep
// it, all nodes see it, and administrators find it in the trail. What is let in while it
// is open is judged in package session.
package recovery
