// Package redisstore keeps sessions in Redis or Valkey, on one server, behind
// Sentinel, or in a Cluster, by the client github.com/redis/rueidis. Users, keys
// and events live elsewhere.
//
//	sessions, err := redisstore.Open(ctx, "redis://host:6379", redisstore.Options{})
//	defer sessions.Close()
//
// # What is kept
//
//	ww:s:<session>  one string: the whole session, packed (record.go)
//	ww:u:<user>     sorted set of the user's sessions, by ExpiresAt
//	ww:{r}:at       sorted set of revoked sessions, by the time of the tombstone
//	ww:{r}:expires  the same sessions, by ExpiresAt: so that they are forgotten
//	ww:w:{<number>} what Writable writes and deletes
//
// Ids are the 16 bytes they are. A session and its user's index may live on
// different nodes of a Cluster.
//
// # What is atomic, and what is joined
//
// Everything about one session is decided by one script on its one key: that it
// begins once, that a register is replaced from its generation only, that a
// tombstone stays. So of any number of concurrent rotations one wins, on
// a Cluster too, and a slot that moves takes the whole session with it.
//
// The indexes are written by commands of their own, in an order that a crash in
// between does no harm: a session is in its user's index before it begins, and one
// that is named there and does not exist is ignored; one whose tombstone was set and
// not told in the index of revocations is told there when somebody revokes it again.
//
// Nothing is decided by the clock of Redis. Keys go by themselves an hour after
// the length of life that their sessions have.
//
// # Durability is the server's
//
// With appendfsync always the contract of session.Store holds as it stands. With
// everysec a crash loses about the last second, and a Cluster that fails over to a
// replica loses what the replica had not got: births and revocations too.
// Package store/ledger keeps these in the users' database and joins them; the
// server and the command line always use it. Open looks at the server's settings and says in the log
// what they do not promise.
//
// # Deficiencies
//
// Count, a List that names no user, and now and then a Forget read every key. While
// the slots of a Cluster move they may miss a session. A Redis Cluster is not
// linearizable while it is partitioned: a primary that was cut off acknowledges
// writes, until cluster-node-timeout has passed, which are lost when it returns;
// until then one session may be rotated on both sides.
package redisstore
