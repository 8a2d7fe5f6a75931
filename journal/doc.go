// Package journal keeps, in a second place, what a restore from an old backup must
// not bring back: sessions that were ended since, users who were blocked, roles and
// passwords that were changed, signing keys that were revoked. A record is on the
// disk of that place before what it tells is acknowledged.
//
//	account, session, signing
//	        │ Revoke, SetBlock, …
//	        ▼
//	    Keep(stores) ──1──► the store            1. the fact itself
//	        │
//	        └───────2─────► FOLDER/….journal     2. then its record, with fsync; then the answer
//	                             ▲
//	    Follow ──────────────────┘               what others wrote to the store, every two seconds
//
// The store comes first: a journal that cannot be written never keeps a session
// alive. Then the request fails, although what it asked for has happened; the
// journal is behind, Check says so, and every further act fails likewise until
// Follow has caught up from the store, which is the queue: nothing waits in memory.
//
// A folder holds one file for each process that writes at the same time, which has it
// locked. A process that starts takes over a file whose writer is gone. Several nodes
// may share a folder if locks hold between their machines (NFS version 4), or have
// one each: by Follow each becomes complete within seconds.
//
// The package owns the records, their form on the disk and when they are written. What
// is made of them after a restore is in package recovery. No record holds a
// token, a password or a hash.
package journal
