package account

import (
	"context"
	"errors"
	"time"
)

// What a Store answers beside success. Compare with errors.Is.
var (
	ErrNotFound      = errors.New("no such user")
	ErrUsernameTaken = errors.New("username is taken")
	ErrEmailTaken    = errors.New("email is taken")
)

// Store keeps users. Its verbs are facts that happen or do not; every change is
// durable before it is acknowledged. What goes in and comes out is a copy.
// Names are compared by their keys, byte by byte. Times are kept to the
// microsecond, in UTC. Implementations are safe for concurrent use.
type Store interface {
	// Add keeps a new user, whole or not at all. A username key or email key
	// that is in use is ErrUsernameTaken or ErrEmailTaken (the username is
	// judged first); of any number of concurrent calls with one key exactly one
	// succeeds.
	Add(ctx context.Context, u User) error

	// Find returns the user, or ErrNotFound. It is read at every refresh.
	Find(ctx context.Context, id ID) (User, error)

	// FindByUsername and FindByEmail look a user up by UsernameKey and EmailKey. A
	// user without an address has the EmailKey "", which any number of users may
	// have and nobody is found by: FindByEmail of "" is ErrNotFound.
	FindByUsername(ctx context.Context, key string) (User, error)
	FindByEmail(ctx context.Context, key string) (User, error)

	// List returns the users that match, newest first.
	List(ctx context.Context, q Query) ([]User, error)

	// Count says how many users there are, and how many of them are blocked.
	Count(ctx context.Context) (all, blocked int, err error)

	// ReplaceHash puts a stronger hash of the same password in place of old. It
	// reports false, and changes nothing, if the hash is no longer old. The
	// epoch stays.
	ReplaceHash(ctx context.Context, id ID, old, new string) (bool, error)

	// SetPassword, SetRoles, SetBlock and ClearBlock change one thing and raise
	// the epoch by one, atomically, and return the user as changed, or
	// ErrNotFound.
	SetPassword(ctx context.Context, id ID, hash string, at time.Time) (User, error)
	SetRoles(ctx context.Context, id ID, roles []string, at time.Time) (User, error)
	SetBlock(ctx context.Context, id ID, block Block) (User, error)
	ClearBlock(ctx context.Context, id ID, at time.Time) (User, error)

	// SetPasswordIf does what SetPassword does if the epoch is this one, and
	// otherwise nothing; it reports whether it did. An unknown id is false. Of any
	// number of concurrent calls with one epoch at most one succeeds.
	SetPasswordIf(ctx context.Context, id ID, epoch uint64, hash string, at time.Time) (User, bool, error)

	// EpochsSince returns the users whose epoch was raised at that time or
	// later, in any order.
	EpochsSince(ctx context.Context, at time.Time) ([]EpochChange, error)
}

// Query selects users; a zero field does not restrict.
type Query struct {
	Search  string // the beginning of a username key or of an email key
	Role    string
	Blocked *bool
	Before  ID  // only users made before this one: the next page
	Limit   int // at most this many; zero means 50, more than 1000 means 1000
}
