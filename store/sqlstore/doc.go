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
// statements, which are the same for every database; rotate.go and step.go hold the
// verbs that are executed often. What differs is in a dialect: sqlite.go, postgres.go,
// mysql.go, and the tables in the folder migrations.
//
// Concurrent calls of Find, of Advance and of Step are gathered: while one batch is
// under way the next one forms, and costs one round trip and one commit as a whole.
//
// # How SQLite is used
//
//	Find, List … ─────────────────► readers (a few, read only)
//	Begin, Revoke, Add … ─┐
//	                      ├─ gate ─► durable  (synchronous = FULL)
//	Step, Advance ─ batch ┘       └► relaxed  (synchronous = NORMAL)
//	                                    │
//	keeper: within seconds of a rotation, one durable commit; checkpoints
//
// SQLite has one writer. The gate lets one in at a time, in the order of
// arrival, so that nobody spins on a lock; BEGIN IMMEDIATE makes other processes
// on the same file wait their turn.
//
// What the durable connection acknowledged is on the disk. Rotations are on the
// disk within session.SyncWithin; a crash of the process alone loses none.
//
// # How servers are used
//
//	Find, List, Begin, Revoke … ──► pool (as durable as the server is)
//	Step ── one look for both, in batches, then Advance
//	Advance ── batch, by session ─► two connections (PostgreSQL: synchronous_commit = off)
//
// Any number of nodes may share a server. Each statement decides by what it
// finds, so no two of them win one rotation; a deadlock or a failed
// serialization is tried again, since nothing happened. A batch leaves out the rows that
// somebody else has locked; who wants one of these asks again, and after 1.3 s is told
// ErrUnavailable.
//
// # Deficiencies
//
// A search by role reads all users, and a count of live sessions reads all
// sessions. A pooler between this program and PostgreSQL must allow the start-up
// parameter synchronous_commit. MySQL makes rotations as durable, and as dear, as
// everything else, in four round trips a batch. On MySQL before 8.0, and MariaDB before
// 10.6, a batch waits for the rows that others have locked.
package sqlstore
