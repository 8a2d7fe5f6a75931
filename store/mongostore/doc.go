// Package mongostore keeps users, sessions, keys and events in MongoDB.
//
//	db, err := mongostore.Open(ctx, "mongodb://127.0.0.1/app", mongostore.Options{})
//	defer db.Close()
//	set := db.Set()
//
// One noun is one file: user.go, session.go, key.go and event.go. They ask through
// collection.go, and presence.go knows whether a server is there to be asked. Each
// thing is one document, and each verb one conditional change of one document, which
// is what MongoDB does atomically:
//
//	Find ──── batch ──► find {_id: {$in: …}}          linearizable
//	Advance ──────────► update {_id, generation: from, revoked: none}   majority
//	Begin, Revoke, Add … ► insert, update             majority, journalled
//	List, ByUser … ───► find                          primary
//
// No transactions, change streams, TTL or partial indexes and no pipelines are
// used, so that servers that merely speak MongoDB's language will do, and a
// single server as well as a replica set.
//
// # Collections
//
// They are watchword_users, watchword_sessions, watchword_keys,
// watchword_events, watchword_parcels and watchword_versions, so that others
// (users, roles, refreshtokens …) may live in the same database.
//
// Times are 64-bit integers: microseconds since 1970, UTC. Ids are binary. Text is
// kept byte by byte, in a string with a character for each byte: ASCII
// reads as it is.
//
// # Durability
//
// What is acknowledged is held by a majority of the replica set and in its
// journal: no failover loses it. A rotation is held by a majority too, but perhaps
// not yet in a journal, which is written every 100 ms: a crash of most machines at
// once may lose the last of them, and the session's rule heals that. That a
// majority knows of each rotation means that a primary which was replaced and
// does not know it yet acknowledges none.
//
// A look-up of a session asks a majority, too, whether this primary is still the
// one (read concern "linearizable"), so that no node takes a revoked session for
// alive. Concurrent look-ups share the question. A single server needs no such
// question and is not asked.
//
// # Absence
//
// While no server is there that takes writes, who asks waits for one until three
// seconds after one was heard of last, and is told at once from then on:
// ErrUnavailable. Each server is asked each second how it is, so that one that falls
// silent is known to be away by then. Parameters of the address say otherwise.
//
// # Deficiencies
//
// A refresh takes three round trips: the session, its user, the rotation. Fewer would
// take a pipeline, for which not every server that speaks the language can be had,
// and could not be linearizable. They are shared with others, but for the rotation.
// Who loses a rotation begins again with the first: its update matches no document,
// and thus returns none.
//
// Rotations are written one by one, over many connections: what a server answers
// to a bulk of updates does not tell which of them happened. A count of live
// sessions reads all sessions.
package mongostore
