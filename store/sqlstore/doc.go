// Package sqlstore keeps users, sessions, keys and events in a SQL database,
// over database/sql. It imports no driver: the program that opens a store does.
//
//	import _ "modernc.org/sqlite" // registers "sqlite"
//
//	db, err := sqlstore.OpenSQLite(ctx, "watchword.db", sqlstore.Options{})
//	defer db.Close()
//	set := db.Set()
//
// One noun is one file: user.go, session.go, key.go and event.go hold the
// statements, which are the same for every database. What differs is in a
// dialect: sqlite.go.
//
// # How SQLite is used
//
//	Find, List … ─────────────────► readers (a few, read only)
//	Begin, Revoke, Add … ─┐
//	                      ├─ gate ─► durable  (synchronous = FULL)
//	Advance ── batch ─────┘       └► relaxed  (synchronous = NORMAL)
//	                                    │
//	keeper: within seconds of a rotation, one durable commit; checkpoints
//
// SQLite has one writer. The gate lets one in at a time, in the order of
// arrival, so that nobody spins on a lock; BEGIN IMMEDIATE makes other processes
// on the same file wait their turn. Rotations that arrive while another commit is
// being written share the next one.
//
// What is acknowledged by the durable connection is on the disk. Rotations are
// on the disk within session.SyncWithin; a crash of the process alone loses none.
//
// Deficiencies: a search by role reads all users; a count of live sessions reads
// all sessions.
package sqlstore
