package session

import (
	"context"
	"errors"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// What a Store answers beside success. Compare with errors.Is.
var (
	ErrNotFound = errors.New("no such session")
	ErrExists   = errors.New("the session exists")
)

// Store keeps sessions. It never sees a refresh token, and it decides nothing:
// its verbs are facts that happen or do not. What goes in and comes out is a
// copy. Times are kept to the microsecond, in UTC; text byte by byte.
// Implementations are safe for concurrent use and honour the context: when it
// ends first the verb returns the context's error, and whether the fact
// happened is not known.
//
// Durability: Begin, Revoke and RevokeUser are on disk before they return, and so
// is an Advance that keeps the generation: that a token was handed out again is
// what no token proves later. An Advance that raises it may be lost when the
// machine (not merely the process) crashes, if it happened within the last
// SyncWithin: the rule heals that.
type Store interface {
	// Begin keeps a new session. A known ID is ErrExists.
	Begin(ctx context.Context, s Session) error

	// Find returns the session, ended or not, or ErrNotFound. A node reads its
	// own and every other node's acknowledged writes. It is called at every
	// refresh; implementations may gather concurrent calls into one round trip.
	Find(ctx context.Context, id ID) (Session, error)

	// Advance replaces the register if the stored generation is from and the
	// session is not revoked, and reports whether it did; a session that is
	// unknown is false. next.Generation is from or greater. Of any number of
	// concurrent calls with one from and a greater next exactly one wins.
	// Implementations may gather concurrent calls into one commit.
	Advance(ctx context.Context, id ID, from uint64, next Register) (bool, error)

	// Revoke ends the session and reports whether this call did; a session that
	// is unknown or ended already keeps the tombstone it has and is false. After
	// it returned no Advance of this session succeeds, on any node.
	Revoke(ctx context.Context, id ID, t Tombstone) (bool, error)

	// RevokeUser does that to all sessions of a user but except (zero: none),
	// and returns those it ended.
	RevokeUser(ctx context.Context, user account.ID, except ID, t Tombstone) ([]ID, error)

	// ByUser returns a user's sessions that are neither revoked nor past
	// ExpiresAt or IdleUntil at the time now, newest first.
	ByUser(ctx context.Context, user account.ID, now time.Time) ([]Session, error)

	// RevokedSince returns the sessions whose tombstone is of that time or
	// later, in any order.
	RevokedSince(ctx context.Context, at time.Time) ([]Revocation, error)

	// List returns the sessions that match, newest first.
	List(ctx context.Context, q Query) ([]Session, error)

	// Count says how many sessions are alive at the time now.
	Count(ctx context.Context, now time.Time) (int, error)

	// Forget removes at most limit sessions whose ExpiresAt lies before the
	// given time and reports how many.
	Forget(ctx context.Context, before time.Time, limit int) (int, error)
}

// SyncWithin bounds how long an acknowledged Advance may stay off the disk. It is
// well below Policy.MinAge, so that a crash loses at most one rotation of a session.
const SyncWithin = 5 * time.Second

// Revocation tells followers that a session ended.
type Revocation struct {
	Session ID
	At      time.Time
}

// Query selects sessions; a zero field does not restrict.
type Query struct {
	User   account.ID
	Alive  time.Time // only those alive at this time
	Before time.Time // only those created before this time: the next page
	Limit  int       // at most this many; zero means 50, more than 1000 means 1000
}
