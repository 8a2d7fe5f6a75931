package metric

import (
	"errors"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// Hashing is the queue of passwords that are being hashed. See password.Hasher.
type Hashing interface {
	Running() int    // how many are hashed at this moment
	Waiting() int    // how many wait for their turn
	Runs() uint64    // how many were hashed since the start
	Refused() uint64 // how many were told to come back later
}

// Node is what one node has counted since it started. Its methods are safe for
// concurrent use and wait for nothing.
type Node struct {
	started time.Time
	hashing Hashing

	signIns   named[outcome]
	refreshes [session.Ahead + 1]Counter // by session.Kind
	heals     Counter
	begun     Counter
	ended     named[session.Reason]
	unwatched store.Set
	stores    stores
	history   history

	routing sync.Mutex
	routes  []*Route // in the order of their patterns
}

// outcome is how an attempt to sign in ended.
type outcome string

// The outcomes of sign-ins.
const (
	success     outcome = "success"
	credentials outcome = "credentials" // the name or the password is wrong
	blocked     outcome = "blocked"     // the password was right, the user is blocked
	throttled   outcome = "throttled"   // too many failures before
	busy        outcome = "busy"        // the queue for hashing was full, or too slow
	failed      outcome = "failed"      // the store, for example
)

// reasons are those for which sessions are ended. What ends by time is not: no
// one does that.
var reasons = []session.Reason{
	session.SignedOut, session.EndedByUser, session.EndedByAdmin, session.PasswordChanged,
	session.UserBlocked, session.ReuseDetected, session.TooManySessions, session.Superseded,
}

// New makes a Node that has counted nothing yet. It watches these stores: use
// those of Stores in their place.
func New(started time.Time, hashing Hashing, set store.Set) *Node {
	n := &Node{
		started:   started,
		hashing:   hashing,
		signIns:   newNamed([]outcome{success, credentials, blocked, throttled, busy}, failed),
		ended:     newNamed(reasons, "other"),
		unwatched: set,
	}
	n.stores = stores{users: newUsers(set.Users), sessions: newSessions(set.Sessions, n), keys: newKeys(set.Keys), events: newEvents(set.Events)}
	return n
}

// SignedIn counts an attempt to sign in by the error of account.Service.Authenticate.
func (n *Node) SignedIn(err error) { n.signIns.of(outcomeOf(err)).Inc() }

func outcomeOf(err error) outcome {
	if err == nil {
		return success
	}
	if _, limited := errors.AsType[*account.ThrottledError](err); limited {
		return throttled
	}
	switch {
	case errors.Is(err, account.ErrCredentials):
		return credentials
	case errors.Is(err, account.ErrBlocked):
		return blocked
	case errors.Is(err, account.ErrBusy):
		return busy
	}
	return failed
}

// Refreshed counts a verdict about a refresh token. See session.Config.Observe.
func (n *Node) Refreshed(kind session.Kind, healed bool) {
	if int(kind) < len(n.refreshes) {
		n.refreshes[kind].Inc()
	}
	if healed {
		n.heals.Inc()
	}
}
