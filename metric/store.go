package metric

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/trace"
)

// stores is the stores of an installation, measured: how long each verb takes, and
// how often it fails.
type stores struct {
	users    *users
	sessions *sessions
	keys     *keys
	events   *events
}

// Stores is the stores that the Node was made with. Whoever uses them instead of
// those is measured.
func (n *Node) Stores() store.Set {
	set := n.unwatched
	set.Users, set.Sessions, set.Keys, set.Events = n.stores.users, n.stores.sessions, n.stores.keys, n.stores.events
	return set
}

// verbs is every verb of the stores.
func (s stores) verbs() []*verb {
	return slices.Concat(s.users.verbs, s.sessions.verbs, s.keys.verbs, s.events.verbs)
}

// awaited is the verbs that every sign-in or refresh waits for. Others are rare,
// or are called in the background, and would hide how these do.
func (s stores) awaited() []*verb {
	return []*verb{s.users.find, s.users.findByUsername, s.users.findByEmail, s.sessions.find, s.sessions.step, s.sessions.begin, s.sessions.advance}
}

// verb is one verb of one store.
type verb struct {
	store, name string
	span        string // in traces
	took        Histogram
	failed      Counter
}

// call is one call of a verb.
type call struct {
	verb  *verb
	began time.Time
	span  *trace.Span
}

func (v *verb) start(ctx context.Context) (context.Context, call) {
	ctx, span := trace.Start(ctx, v.span)
	return ctx, call{verb: v, began: time.Now(), span: span}
}

func (c call) end(err error) {
	c.verb.took.Observe(time.Since(c.began))
	if err != nil && !answered(err) {
		c.verb.failed.Inc()
		c.span.Fail()
	}
	c.span.End()
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
	v := &verb{store: s.store, name: name, span: "store " + s.store + "." + name}
	s.verbs = append(s.verbs, v)
	return v
}
