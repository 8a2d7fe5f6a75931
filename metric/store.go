package metric

import (
	"context"
	"errors"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
)

// stores is what is known of the stores that a Node watches.
type stores struct {
	users    *users
	sessions *sessions
	keys     *keys
	events   *events
}

// Watch returns the same stores, measured: how long each verb takes, and how
// often it fails. It is called once, before anything is counted.
func (n *Node) Watch(set store.Set) store.Set {
	n.stores = stores{
		users:    newUsers(set.Users),
		sessions: newSessions(set.Sessions, n),
		keys:     newKeys(set.Keys),
		events:   newEvents(set.Events),
	}
	set.Users, set.Sessions, set.Keys, set.Events = n.stores.users, n.stores.sessions, n.stores.keys, n.stores.events
	return set
}

// verbs is every verb of the stores.
func (s stores) verbs() (all []*verb) {
	if s.users == nil {
		return nil
	}
	all = append(all, s.users.verbs...)
	all = append(all, s.sessions.verbs...)
	all = append(all, s.keys.verbs...)
	return append(all, s.events.verbs...)
}

// awaited is the verbs that every sign-in or refresh waits for. Others are rare,
// or are called in the background, and would hide how these do.
func (s stores) awaited() []*verb {
	if s.users == nil {
		return nil
	}
	return []*verb{s.users.find, s.users.findByUsername, s.users.findByEmail, s.sessions.find, s.sessions.begin, s.sessions.advance}
}

// verb is one verb of one store.
type verb struct {
	store, name string
	took        Histogram
	failed      Counter
}

// call is one call of a verb.
type call struct {
	verb  *verb
	began time.Time
}

func (v *verb) start(ctx context.Context) (context.Context, call) {
	return ctx, call{verb: v, began: time.Now()}
}

func (c call) end(err error) {
	c.verb.took.Observe(time.Since(c.began))
	if err != nil && !answered(err) {
		c.verb.failed.Inc()
	}
}

// answers are the errors by which a store that works says no.
var answers = []error{
	account.ErrNotFound, account.ErrUsernameTaken, account.ErrEmailTaken,
	session.ErrNotFound, session.ErrExists, signing.ErrTaken,
	context.Canceled, // who asked went away
}

func answered(err error) bool {
	for _, answer := range answers {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// verbsOf makes the verbs of a store, and lists them.
type verbsOf struct {
	store string
	verbs []*verb
}

func (s *verbsOf) verb(name string) *verb {
	v := &verb{store: s.store, name: name}
	s.verbs = append(s.verbs, v)
	return v
}
