package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
)

// eager is a fast store that says when it was first asked for a session.
type eager struct {
	session.Store
	once  sync.Once
	asked chan struct{}
}

func (e *eager) Find(ctx context.Context, id session.ID) (session.Session, error) {
	found, err := e.Store.Find(ctx, id)
	e.once.Do(func() { close(e.asked) })
	return found, err
}

// tardy is a durable store that is asked for a session after the fast one was, and
// after something else happened.
type tardy struct {
	session.Store
	session.Stepper
	asked   <-chan struct{}
	once    sync.Once
	between func()
}

func (l *tardy) Find(ctx context.Context, id session.ID) (session.Session, error) {
	<-l.asked
	l.once.Do(l.between)
	return l.Store.Find(ctx, id)
}

// Two refresh one session at once, and one of them brings it to the fast store: the
// other must not hear that there is none.
func TestWhoLooksWhileAnotherBringsASessionFindsIt(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(t *testing.T, h home, s session.Session){
		"it has not moved": func(t *testing.T, h home, s session.Session) {
			if err := h.durable.Begin(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		},
		"its birth was lost": func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.fast.crash(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			s := newSession(ada)
			before(t, h, s)
			fast := &eager{Store: h.fast, asked: make(chan struct{})}
			durable := &tardy{Store: h.asked.Store, Stepper: h.asked.Stepper, asked: fast.asked, between: func() {
				if won, err := h.stepper.Step(t.Context(), s.ID, forward); !won || err != nil {
					t.Errorf("the other's Step = %v, %v", won, err)
				}
			}}
			slow := ledger.Keep(fast, durable, ledger.Options{Logger: slog.New(slog.DiscardHandler)})
			if found, err := slow.Find(t.Context(), s.ID); err != nil || found.Generation != 2 {
				t.Errorf("Find = generation %d, %v; want 2", found.Generation, err)
			}
		})
	}
}

// overtaken is a durable store with a session that ends right after a step looked at it.
type overtaken struct {
	session.Store
	session.Stepper
}

func (o overtaken) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	won, err := o.Stepper.Step(ctx, id, rule)
	_, revoked := o.Revoke(ctx, id, ended)
	return won, errors.Join(err, revoked)
}

// The node that ends it does not reach the fast store. What a step writes into the
// durable one shows it in time.
func TestAFirstRotationSeesAnEndThatCameAfterTheLook(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	s := newSession(ada)
	h.begin(t, s)
	node := ledger.Keep(h.fast, overtaken{h.asked.Store, h.asked.Stepper}, ledger.Options{Logger: slog.New(slog.DiscardHandler), Users: h.set.Users})
	if won, err := node.(session.Stepper).Step(t.Context(), s.ID, forward); won || err != nil {
		t.Errorf("Step = %v, %v; want false", won, err)
	}
	if found, err := h.fast.Find(t.Context(), s.ID); err != nil || found.Generation != 1 {
		t.Errorf("the fast store has generation %d, %v; want 1", found.Generation, err)
	}
}

// ending is a fast store into which a session is brought that ends at this moment.
type ending struct {
	session.Store
	end func()
}

func (e ending) Begin(ctx context.Context, new session.Session) error {
	err := e.Store.Begin(ctx, new)
	e.end()
	return err
}

func TestASessionThatEndsWhileItMovesAdvancesNoMore(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	if err := p.durable.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	node := ledger.Keep(ending{p.fast, func() {
		if did, err := p.durable.Revoke(t.Context(), s.ID, ended); !did || err != nil {
			t.Errorf("Revoke = %v, %v", did, err)
		}
	}}, p.durable, ledger.Options{Logger: slog.New(slog.DiscardHandler)})
	if did, err := node.Advance(t.Context(), s.ID, 1, later(s.Register, time.Minute, 2)); did || err != nil {
		t.Errorf("Advance = %v, %v; want false", did, err)
	}
}

// contest is one session that many refresh at once on two nodes, while it is ended and
// the fast store may forget.
type contest struct {
	session session.Session
	fast    *forgetful
	set     store.Set
	nodes   [2]session.Store
	over    atomic.Bool  // its end was acknowledged
	crashes atomic.Int64 // twice: before each, and after

	mu   sync.Mutex
	wins map[win]int
}

// win is a generation from which somebody advanced, while there was no crash. Between
// the same two crashes there is one.
type win struct {
	from    uint64
	crashes int64
}

func TestWhateverMeetsAStepItsPromisesHold(t *testing.T) {
	t.Parallel()
	for round := range 48 {
		c := newContest(t, round%4 < 2)
		var stop chan struct{}
		var crashing, group sync.WaitGroup
		if round%2 == 1 {
			stop = make(chan struct{})
			crashing.Go(func() { c.crashOnAndOn(stop) })
		}
		for worker := range 8 {
			group.Go(func() { c.refresh(t, c.nodes[worker%2], worker, stop != nil) })
		}
		group.Go(func() { c.end(t, round) })
		group.Wait()
		if stop != nil {
			close(stop)
		}
		crashing.Wait()
		for w, n := range c.wins {
			if n > 1 {
				t.Errorf("%d advanced it from generation %d", n, w.from)
			}
		}
		c.fast.crash(1 << 20)
		if found, err := c.nodes[0].Find(t.Context(), c.session.ID); err != nil || !found.Revoked() {
			t.Errorf("when all is forgotten: %v, %v; want that it has ended", found.Tombstone, err)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

func newContest(t *testing.T, moved bool) *contest {
	c := &contest{session: newSession(ada), fast: newForgetful(), set: memory.New(), wins: map[win]int{}}
	durable := c.set.Sessions
	for i := range c.nodes {
		c.nodes[i] = ledger.Keep(c.fast, durable, ledger.Options{Logger: slog.New(slog.DiscardHandler), Users: c.set.Users})
	}
	if err := c.set.Users.Add(t.Context(), account.User{ID: ada, UsernameKey: "ada"}); err != nil {
		t.Fatal(err)
	}
	born := durable
	if moved {
		born = c.nodes[0]
	}
	if err := born.Begin(t.Context(), c.session); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *contest) crashOnAndOn(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			c.crashes.Add(1)
			c.fast.crash(rand.IntN(4))
			c.crashes.Add(1)
		}
	}
}

// refresh refreshes the session again and again as a node of this version does, as
// one of an older version, or so that the generation stays.
func (c *contest) refresh(t *testing.T, node session.Store, worker int, forgets bool) {
	ctx, id := t.Context(), c.session.ID
	for range 20 {
		over, crashes := c.over.Load(), c.crashes.Load()
		var from uint64
		tried, won, err := false, false, error(nil)
		switch worker {
		case 6, 7:
			found, lost := node.Find(ctx, id)
			user, unknown := c.set.Users.Find(ctx, ada)
			if err = errors.Join(lost, unknown); err == nil && !found.Revoked() && !user.Blocked() {
				from, tried = found.Generation, worker == 6
				won, err = node.Advance(ctx, id, from, later(found.Register, time.Minute, from+uint64(7-worker)))
			}
		default:
			won, err = node.(session.Stepper).Step(ctx, id, func(found session.Session, user account.User) (session.Register, bool) {
				from, tried = found.Generation, !found.Revoked() && !user.Blocked()
				return later(found.Register, time.Minute, from+1), tried
			})
		}
		switch {
		case forgets && errors.Is(err, session.ErrNotFound): // with its birth: a minimum age apart it would not
		case err != nil:
			t.Errorf("worker %d: %v", worker, err)
			return
		case tried && won && over:
			t.Errorf("worker %d advanced it after its end", worker)
		case tried && won && crashes%2 == 0 && crashes == c.crashes.Load():
			c.mu.Lock()
			c.wins[win{from, crashes}]++
			c.mu.Unlock()
		}
	}
}

// end ends the session in one of the three ways.
func (c *contest) end(t *testing.T, how int) {
	ctx := t.Context()
	var err error
	switch how % 3 {
	case 0:
		_, err = c.nodes[0].Revoke(ctx, c.session.ID, ended)
	case 1:
		_, err = c.nodes[1].RevokeUser(ctx, ada, session.ID{}, ended)
	case 2:
		if _, err = c.set.Users.SetBlock(ctx, ada, account.Block{At: begin, Reason: "spam", By: "root"}); err == nil {
			c.over.Store(true)
			_, err = c.nodes[1].RevokeUser(ctx, ada, session.ID{}, ended)
		}
	}
	if err != nil {
		t.Errorf("end it: %v", err)
	}
	c.over.Store(true)
}
