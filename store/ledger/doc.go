// Package ledger makes a fast session store that may lose its last writes as
// good as a durable one, by means of a durable one beside it. Redis is fast, and loses
// what it acknowledged in the last second when it crashes, or fails over to a
// replica; the users' database is durable.
//
//	Begin ─────► durable, then fast
//	Revoke ────► durable, then fast, if it can be reached
//	Advance ───► durable: is it revoked?   then fast
//	Step ──────► what Find and Advance do, with one look into the durable store for both,
//	             which finds the user, too
//	Find ──────► durable and fast at once, joined:
//
//	               the durable one says    the fast one says    the answer
//	               ended                   alive                ended; the fast one is told
//	               alive, not yet rotated  unknown              as at its birth; the fast one is told
//	               alive, rotated          unknown, twice       unknown
//	               unknown                 anything             what the fast one says
//
// So what was revoked stays so on every node, whatever becomes of the fast store: nothing need be
// noticed, no restart, no failover, no moved slot. A birth that was lost comes back at its
// first use; a rotation that was lost is healed by the rule. What was lost with all its
// rotations is not made up: an old token would pass for the current one. The price is one read
// of the durable store for each Find, each Advance and each Step, which it gathers from
// all who ask at once, a row for each session, and a write at its first rotation, which
// shares its commit; the others, which are most of all writes, are spared it.
//
// # What the durable store is told
//
// A session's entry is a session like any other, so that every store can keep it, but
// its register is elsewhere: its generation is beyond that of any token. A server that
// is started without the fast store answers all refreshes of such a session with
// "a newer token was issued": it gives nothing, and ends nothing. See entry.go.
//
// # Deficiencies
//
// A session whose entry the durable store has lost, since it was restored from a backup,
// is known to the fast store alone; it is entered again when it is ended. RevokeUser
// does not find it while the fast store is away. Count is that of the fast store.
package ledger
