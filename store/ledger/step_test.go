package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/storetest"
)

// asked is a durable store that counts how often a step of the ledger asks it.
type asked struct {
	session.Store
	session.Stepper
	times atomic.Int32
}

func (a *asked) Find(ctx context.Context, id session.ID) (session.Session, error) {
	a.times.Add(1)
	return a.Store.Find(ctx, id)
}

func (a *asked) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	a.times.Add(1)
	return a.Stepper.Step(ctx, id, rule)
}

func (a *asked) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	a.times.Add(1)
	return a.Store.Advance(ctx, id, from, next)
}

// home is a pair whose users are beside the durable store's sessions.
type home struct {
	*pair
	set     store.Set
	stepper session.Stepper
	asked   *asked
}

func newHome(t testing.TB) home {
	t.Helper()
	set := memory.New()
	durable := &asked{Store: set.Sessions, Stepper: set.Sessions.(session.Stepper)}
	p := &pair{fast: newForgetful(), durable: durable, now: begin}
	p.Store = ledger.Keep(p.fast, durable, ledger.Options{
		Now: func() time.Time { return p.now }, Logger: slog.New(slog.DiscardHandler), Users: set.Users,
	})
	set.Sessions = p.Store
	if err := set.Users.Add(t.Context(), account.User{ID: ada, UsernameKey: "ada"}); err != nil {
		t.Fatal(err)
	}
	stepper, can := p.Store.(session.Stepper)
	if !can || !stepper.Beside(set.Users) {
		t.Fatal("it takes no steps")
	}
	return home{p, set, stepper, durable}
}

func TestStepsConform(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB) store.Set {
		set := memory.New()
		set.Sessions = ledger.Keep(memory.New().Sessions, set.Sessions, ledger.Options{Logger: slog.New(slog.DiscardHandler), Users: set.Users})
		return set
	}
	storetest.Run(t, open)
	storetest.Steps(t, open)
}

func TestWithoutUsersBesideItTakesNoSteps(t *testing.T) {
	t.Parallel()
	set := memory.New()
	for name, users := range map[string]session.Users{"none are known": nil, "they are elsewhere": memory.New().Users} {
		if _, can := ledger.Keep(memory.New().Sessions, set.Sessions, ledger.Options{Users: users}).(session.Stepper); can {
			t.Errorf("%s, and yet it takes steps", name)
		}
	}
	if _, can := ledger.Keep(memory.New().Sessions, newForgetful(), ledger.Options{Users: set.Users}).(session.Stepper); can {
		t.Error("the durable store takes no steps, and the ledger does")
	}
}

// Whatever the two stores know of a session, a step decides on what Find would find, and
// does what Find and Advance do.
func TestAStepDecidesOnWhatBothStoresKnow(t *testing.T) {
	t.Parallel()
	dead := func(s session.Session) session.Session {
		s.Tombstone = ended
		return s
	}
	rotated := func(s session.Session) session.Session {
		s.Register = later(s.Register, time.Minute, 2)
		return s
	}
	again := func(s session.Session) session.Session {
		s.Register = later(s.Register, time.Minute, s.Generation)
		return s
	}
	same := func(s session.Session) session.Session { return s }
	for name, row := range map[string]struct {
		before func(t *testing.T, h home, s session.Session)
		found  func(session.Session) session.Session // nil: it is unknown
		won    bool
		asked  int32 // how often the durable store is; 0: whatever it takes
	}{
		"both know it": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.advances(t, s, rotated(s).Register, true)
		}, rotated, true, 1},
		"its first rotation": {func(t *testing.T, h home, s session.Session) { h.begin(t, s) }, same, true, 2},
		"it is revoked": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.revokes(t, s)
		}, dead, false, 1},
		"its end was lost": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.revokes(t, s)
			h.fast.crash(1)
		}, dead, false, 0},
		"its end was lost, and its birth": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.revokes(t, s)
			h.fast.crash(2)
		}, dead, false, 0},
		"its end was not told": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			if _, err := h.fast.Revoke(t.Context(), s.ID, ended); err != nil {
				t.Fatal(err)
			}
		}, dead, false, 0},
		"its birth was lost": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.fast.crash(1)
		}, same, true, 0},
		"its rotations were lost with its birth": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.advances(t, s, rotated(s).Register, true)
			h.fast.crash(2)
		}, nil, false, 0},
		"it has not moved": {func(t *testing.T, h home, s session.Session) {
			if err := h.durable.Begin(t.Context(), rotated(s)); err != nil {
				t.Fatal(err)
			}
		}, rotated, true, 0},
		"it has moved by half": {func(t *testing.T, h home, s session.Session) {
			if err := errors.Join(h.durable.Begin(t.Context(), rotated(s)), h.fast.Begin(t.Context(), s)); err != nil {
				t.Fatal(err)
			}
		}, rotated, true, 0},
		"that its token was handed out again was lost": {func(t *testing.T, h home, s session.Session) {
			h.begin(t, s)
			h.advances(t, s, again(s).Register, true)
			h.fast.crash(1)
		}, again, true, 0},
		"the fast store alone knows it": {func(t *testing.T, h home, s session.Session) {
			if err := h.fast.Begin(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}, same, true, 0},
		"nobody knows it": {func(*testing.T, home, session.Session) {}, nil, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			s := newSession(ada)
			row.before(t, h, s)
			h.asked.times.Store(0)
			var found session.Session
			var user account.User
			won, err := h.stepper.Step(t.Context(), s.ID, func(f session.Session, u account.User) (session.Register, bool) {
				found, user = f, u
				return later(f.Register, time.Hour, f.Generation+1), true
			})
			asked := h.asked.times.Load()
			if row.found == nil {
				if won || !errors.Is(err, session.ErrNotFound) {
					t.Errorf("Step = %v, %v; want %v", won, err, session.ErrNotFound)
				}
				return
			}
			want := row.found(s)
			if won != row.won || err != nil {
				t.Errorf("Step = %v, %v; want %v", won, err, row.won)
			}
			if diff := cmp.Diff(want, found); diff != "" || user.ID != ada {
				t.Errorf("the rule was given the user %v and (-want +got):\n%s", user.ID, diff)
			}
			if row.asked > 0 && asked != row.asked {
				t.Errorf("the durable store was asked %d times, want %d", asked, row.asked)
			}
			if row.won {
				want.Register = later(want.Register, time.Hour, want.Generation+1)
			}
			if want.Revoked() {
				if fast, err := h.fast.Find(t.Context(), s.ID); err == nil && !fast.Revoked() {
					t.Error("the fast store was not told that it has ended")
				}
				h.fast.crash(99) // the durable one was, or knew
			}
			h.finds(t, "afterwards", want)
		})
	}
}

func (p *pair) revokes(t testing.TB, s session.Session) {
	t.Helper()
	if did, err := p.Revoke(t.Context(), s.ID, ended); !did || err != nil {
		t.Fatalf("Revoke = %v, %v", did, err)
	}
}

func TestAStepFailsWithEitherStore(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	h := newHome(t)
	s := newSession(ada)
	h.begin(t, s)
	h.fast.leave(gone)
	if won, err := h.stepper.Step(t.Context(), s.ID, forward); won || !errors.Is(err, gone) {
		t.Errorf("without the fast store Step = %v, %v; want %v", won, err, gone)
	}
	h.fast.leave(nil)
	h.finds(t, "afterwards", s)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if won, err := h.stepper.Step(over, s.ID, forward); won || !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits Step = %v, %v; want %v", won, err, context.Canceled)
	}
}

// forward is the rule that the next generation follows.
func forward(found session.Session, _ account.User) (session.Register, bool) {
	return later(found.Register, time.Minute, found.Generation+1), true
}
