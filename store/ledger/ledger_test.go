package ledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/storetest"
)

// begin is when the stories begin.
var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// forgetful is a fast store that can lose its last writes, as one that crashes, and
// go away. It remembers what was done to it.
type forgetful struct {
	session.Store

	mu   sync.RWMutex
	done []func(session.Store)
	away error
}

func newForgetful() *forgetful { return &forgetful{Store: memory.New().Sessions} }

// crash loses the last n writes.
func (f *forgetful) crash(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = f.done[:max(0, len(f.done)-n)]
	f.Store = memory.New().Sessions
	for _, do := range f.done {
		do(f.Store)
	}
}

func (f *forgetful) leave(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = err
}

// write does something, and remembers it for the next crash.
func write[T any](ctx context.Context, f *forgetful, do func(ctx context.Context, s session.Store) (T, error)) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.away, ctx.Err()); err != nil {
		var none T
		return none, err
	}
	ctx = context.WithoutCancel(ctx)
	f.done = append(f.done, func(s session.Store) { _, _ = do(ctx, s) })
	return do(ctx, f.Store)
}

func (f *forgetful) Begin(ctx context.Context, new session.Session) error {
	_, err := write(ctx, f, func(ctx context.Context, s session.Store) (struct{}, error) {
		return struct{}{}, s.Begin(ctx, new)
	})
	return err
}

func (f *forgetful) Find(ctx context.Context, id session.ID) (session.Session, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.away != nil {
		return session.Session{}, f.away
	}
	return f.Store.Find(ctx, id)
}

func (f *forgetful) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	return write(ctx, f, func(ctx context.Context, s session.Store) (bool, error) { return s.Advance(ctx, id, from, next) })
}

func (f *forgetful) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	return write(ctx, f, func(ctx context.Context, s session.Store) (bool, error) { return s.Revoke(ctx, id, t) })
}

func (f *forgetful) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	return write(ctx, f, func(ctx context.Context, s session.Store) ([]session.ID, error) {
		return s.RevokeUser(ctx, user, except, t)
	})
}

func (f *forgetful) Count(ctx context.Context, now time.Time) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.Store.Count(ctx, now)
}

func (f *forgetful) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	return write(ctx, f, func(ctx context.Context, s session.Store) (int, error) { return s.Forget(ctx, before, limit) })
}

// pair is a forgetful store and a durable one, and the two as one, on a clock.
type pair struct {
	session.Store
	fast    *forgetful
	durable session.Store
	now     time.Time
}

func newPair() *pair {
	p := &pair{fast: newForgetful(), durable: memory.New().Sessions, now: begin}
	p.Store = ledger.Keep(p.fast, p.durable, ledger.Options{Now: func() time.Time { return p.now }, Logger: slog.New(slog.DiscardHandler)})
	return p
}

func newSession(user account.ID) session.Session {
	s := session.Session{
		UserID: user, ClientID: "web", Delivery: session.Body, CreatedAt: begin, ExpiresAt: begin.Add(30 * 24 * time.Hour),
		Register: session.Register{Generation: 1, RotatedAt: begin, EmittedAt: begin, IdleUntil: begin.Add(7 * 24 * time.Hour)},
	}
	rand.Read(s.ID[:])
	return s
}

// later is the register of the next generation, or of the same.
func later(r session.Register, by time.Duration, generation uint64) session.Register {
	r.EmittedAt = r.EmittedAt.Add(by)
	r.IdleUntil = r.IdleUntil.Add(by)
	if generation > r.Generation {
		r.Generation, r.RotatedAt = generation, r.EmittedAt
	}
	return r
}

var (
	ada   = account.ID{0xad}
	ended = session.Tombstone{At: begin.Add(time.Hour), Reason: session.SignedOut, By: "ada"}
)

func (p *pair) begin(t testing.TB, s session.Session) {
	t.Helper()
	if err := p.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func (p *pair) advances(t testing.TB, s session.Session, next session.Register, want bool) {
	t.Helper()
	if did, err := p.Advance(t.Context(), s.ID, s.Generation, next); did != want || err != nil {
		t.Errorf("Advance = %v, %v; want %v", did, err, want)
	}
}

func (p *pair) finds(t testing.TB, what string, want session.Session) {
	t.Helper()
	got, err := p.Find(t.Context(), want.ID)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Sessions(t, func(testing.TB) session.Store { return newPair() })
}

func TestTwoNodesAreLinearizable(t *testing.T) {
	t.Parallel()
	storetest.Linearizable(t, newPair())
}

func TestARevocationOutlivesACrash(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	p.begin(t, s)
	if did, err := p.Revoke(t.Context(), s.ID, ended); !did || err != nil {
		t.Fatal(did, err)
	}
	p.fast.crash(1)
	p.advances(t, s, later(s.Register, time.Minute, 2), false)
	s.Tombstone = ended
	p.finds(t, "after the crash", s)
	if found, err := p.fast.Find(t.Context(), s.ID); err != nil || !found.Revoked() {
		t.Errorf("the fast store was not told: %v, %v", found.Tombstone, err)
	}
	if did, err := p.Revoke(t.Context(), s.ID, session.Tombstone{At: begin, Reason: session.UserBlocked}); did || err != nil {
		t.Errorf("it was ended again: %v, %v", did, err)
	}
}

func TestAllOfAUsersSessionsStayEndedThroughACrash(t *testing.T) {
	t.Parallel()
	p := newPair()
	phone, car := newSession(ada), newSession(ada)
	p.begin(t, phone)
	p.begin(t, car)
	p.fast.crash(1) // its birth is lost, too
	if ids, err := p.RevokeUser(t.Context(), ada, session.ID{}, ended); len(ids) != 2 || err != nil {
		t.Fatal(ids, err)
	}
	p.fast.crash(9)
	for _, s := range []session.Session{phone, car} {
		p.advances(t, s, later(s.Register, time.Minute, 2), false)
		s.Tombstone = ended
		p.finds(t, "after the crash", s)
	}
	if live, err := p.ByUser(t.Context(), ada, begin); len(live) != 0 || err != nil {
		t.Errorf("alive: %v, %v", live, err)
	}
}

func TestABirthOutlivesACrash(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	p.begin(t, s)
	p.fast.crash(1)
	if live, err := p.ByUser(t.Context(), ada, begin); len(live) != 1 || err != nil {
		t.Errorf("the user's sessions: %v, %v", live, err)
	}
	p.now = begin.Add(20 * time.Hour)
	p.finds(t, "after the crash", s)
	p.advances(t, s, later(s.Register, time.Minute, 2), true)
}

// Whoever has an old token of a session whose register was lost with all the rest
// must not pass for its owner: not a minute after the rotation, and not a day.
func TestALostRegisterIsNotMadeUp(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	p.begin(t, s)
	second := s
	second.Register = later(s.Register, time.Minute, 2)
	p.advances(t, s, second.Register, true)
	p.advances(t, second, later(second.Register, time.Minute, 3), true)
	p.fast.crash(9)
	if _, err := p.Find(t.Context(), s.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Find = %v, want %v", err, session.ErrNotFound)
	}
	if live, err := p.ByUser(t.Context(), ada, p.now); len(live) != 0 || err != nil {
		t.Errorf("the user's sessions: %v, %v", live, err)
	}
	p.advances(t, s, second.Register, false)
}

// What keeps the generation is durable: no token would prove it. What raises it is lost,
// and the rule heals that.
func TestWhatKeepsTheGenerationOutlivesACrash(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	p.begin(t, s)
	touched := later(s.Register, time.Hour, 1)
	p.advances(t, s, touched, true)
	p.advances(t, s, later(touched, time.Minute, 2), true)
	p.fast.crash(2)
	s.EmittedAt, s.IdleUntil = touched.EmittedAt, touched.IdleUntil
	p.finds(t, "after the crash", s)
	// And so once more: what was rotated, and healed, may be kept durably again.
	p.advances(t, s, s.Register, true)
	p.fast.crash(9)
	s.RotatedAt = touched.EmittedAt // when it was made is lost; not later than this
	p.finds(t, "after a crash that took the birth, too", s)

	// Many touch it at once, in any order: the latest counts.
	touched = s.Register
	p.advances(t, s, later(touched, time.Hour, 1), true)
	p.advances(t, s, later(touched, time.Minute, 1), true)
	p.fast.crash(2)
	s.EmittedAt, s.IdleUntil = touched.EmittedAt.Add(time.Hour), touched.IdleUntil.Add(time.Hour)
	p.finds(t, "after another", s)
}

func TestRevocationsDoNotWaitForTheFastStore(t *testing.T) {
	t.Parallel()
	p := newPair()
	s, other := newSession(ada), newSession(ada)
	p.begin(t, s)
	p.begin(t, other)
	gone := errors.New("gone")
	p.fast.leave(gone)
	if did, err := p.Revoke(t.Context(), s.ID, ended); !did || err != nil {
		t.Errorf("Revoke = %v, %v", did, err)
	}
	if ids, err := p.RevokeUser(t.Context(), ada, session.ID{}, ended); len(ids) != 1 || err != nil {
		t.Errorf("RevokeUser = %v, %v", ids, err)
	}
	if _, err := p.Find(t.Context(), s.ID); !errors.Is(err, gone) {
		t.Errorf("Find = %v, want %v", err, gone)
	}
	p.fast.leave(nil)
	for _, s := range []session.Session{s, other} {
		p.advances(t, s, later(s.Register, time.Minute, 2), false)
		s.Tombstone = ended
		p.finds(t, "when it is back", s)
	}
	told, err := p.RevokedSince(t.Context(), begin)
	if len(told) != 2 || err != nil {
		t.Errorf("told: %v, %v", told, err)
	}
}

// The users' database was restored from a backup: the fast store remembers more.
func TestWhatTheDurableStoreLostIsEnteredAgain(t *testing.T) {
	t.Parallel()
	p := newPair()
	one, two, three, dead := newSession(ada), newSession(ada), newSession(ada), newSession(ada)
	dead.Tombstone = ended
	for _, s := range []session.Session{one, two, three, dead} {
		if err := p.fast.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	p.finds(t, "which only the fast store knows", one)
	p.advances(t, one, later(one.Register, time.Minute, 2), true)
	for id, want := range map[session.ID]bool{one.ID: true, dead.ID: false, {1}: false} {
		if did, err := p.Revoke(t.Context(), id, ended); did != want || err != nil {
			t.Errorf("Revoke = %v, %v; want %v", did, err, want)
		}
	}
	if ids, err := p.RevokeUser(t.Context(), ada, three.ID, ended); len(ids) != 1 || ids[0] != two.ID || err != nil {
		t.Errorf("RevokeUser = %v, %v", ids, err)
	}
	p.fast.crash(99)
	for _, id := range []session.ID{one.ID, two.ID, dead.ID} {
		if found, err := p.Find(t.Context(), id); err != nil || found.Tombstone != ended {
			t.Errorf("after a crash: %v, %v", found.Tombstone, err)
		}
	}
}

func TestATombstoneOfTheFastStoreAloneIsMadeDurable(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	p.begin(t, s)
	if _, err := p.fast.Revoke(t.Context(), s.ID, ended); err != nil {
		t.Fatal(err)
	}
	s.Tombstone = ended
	p.finds(t, "before a crash", s)
	p.fast.crash(1)
	p.finds(t, "after it", s)
}

// Sessions that began before there was a fast store move to it.
func TestSessionsMoveAtTheirFirstUse(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	if err := p.durable.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	next := later(s.Register, time.Minute, 2)
	next.RequestKey = session.RequestKey{7}
	if did, err := p.durable.Advance(t.Context(), s.ID, 1, next); !did || err != nil {
		t.Fatal(did, err)
	}
	s.Register = next
	if live, err := p.ByUser(t.Context(), ada, begin); err != nil || len(live) != 1 || live[0] != s {
		t.Errorf("the user's sessions: %v, %v", live, err)
	}
	p.now = begin.Add(20 * 24 * time.Hour)
	p.advances(t, s, later(next, time.Minute, 3), true)
	s.Register = later(next, time.Minute, 3)
	p.finds(t, "which has moved", s)

	// A server that knows nothing of the fast store can do nothing with it any more.
	if did, err := p.durable.Advance(t.Context(), s.ID, 2, later(next, time.Hour, 3)); did || err != nil {
		t.Errorf("the durable store alone rotated it: %v, %v", did, err)
	}
}

func TestWhileASessionMovesAnotherServerMayRotateIt(t *testing.T) {
	t.Parallel()
	for range 50 {
		p := newPair()
		s := newSession(ada)
		if err := p.durable.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		wins := make(chan string, 8)
		var group sync.WaitGroup
		rotate := func(who string, store session.Store) {
			group.Go(func() {
				did, err := store.Advance(t.Context(), s.ID, 1, later(s.Register, time.Minute, 2))
				if err != nil {
					t.Error(err)
				}
				if did {
					wins <- who
				}
			})
		}
		for range 4 {
			rotate("a server with the fast store", p)
			rotate("a server without", p.durable)
		}
		group.Wait()
		close(wins)
		if len(wins) != 1 {
			t.Fatalf("%d rotations from one generation succeeded", len(wins))
		}
		s.Register = later(s.Register, time.Minute, 2)
		p.finds(t, "afterwards, rotated by "+<-wins, s)
	}
}

// Clients rotate and revoke on two nodes while the fast store crashes again and again.
func TestNoCrashBreaksAnAcknowledgement(t *testing.T) {
	t.Parallel()
	fast, set := newForgetful(), memory.New()
	durable := set.Sessions
	o := ledger.Options{Now: func() time.Time { return begin }, Logger: slog.New(slog.DiscardHandler), Users: set.Users}
	nodes := []session.Store{ledger.Keep(fast, durable, o), ledger.Keep(fast, durable, o)}
	stop, crashed := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				crashed <- n
				return
			default:
				fast.crash(n % 7)
				n++
				time.Sleep(100 * time.Microsecond) // lets some happen in between
			}
		}
	}()
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for round := range 60 {
				node, other := nodes[worker%2], nodes[(worker+round)%2]
				s := newSession(account.ID{byte(worker)})
				if round == 0 {
					name := string(rune('a' + worker))
					if err := set.Users.Add(t.Context(), account.User{ID: s.UserID, UsernameKey: name, EmailKey: name}); err != nil {
						t.Errorf("add a user: %v", err)
					}
				}
				if err := node.Begin(t.Context(), s); err != nil {
					t.Errorf("Begin: %v", err)
					return
				}
				rotated := false
				for range 3 {
					found, err := other.Find(t.Context(), s.ID)
					if errors.Is(err, session.ErrNotFound) && rotated {
						break // the crash took the birth and what followed: farther than a minimum age apart it would not have
					}
					if err != nil {
						t.Errorf("a session that was begun: %v", err)
						return
					}
					rotated = true
					if round%2 == 1 {
						switch _, err := other.(session.Stepper).Step(t.Context(), s.ID, forward); {
						case errors.Is(err, session.ErrNotFound): // likewise
						case err != nil:
							t.Errorf("Step: %v", err)
						}
						continue
					}
					if _, err := other.Advance(t.Context(), s.ID, found.Generation, later(found.Register, time.Minute, found.Generation+1)); err != nil {
						t.Errorf("Advance: %v", err)
					}
				}
				if _, err := node.Revoke(t.Context(), s.ID, ended); err != nil {
					t.Errorf("Revoke: %v", err)
				}
				for generation := range uint64(6) {
					if did, err := other.Advance(t.Context(), s.ID, generation, later(s.Register, time.Hour, generation+1)); did || err != nil {
						t.Errorf("after the revocation Advance = %v, %v", did, err)
					}
				}
				if did, err := other.(session.Stepper).Step(t.Context(), s.ID, forward); did || err != nil {
					t.Errorf("after the revocation Step = %v, %v", did, err)
				}
				if found, err := other.Find(t.Context(), s.ID); err != nil || !found.Revoked() { // lost or not
					t.Errorf("after the revocation Find = %v, %v", found.Tombstone, err)
				}
			}
		})
	}
	group.Wait()
	close(stop)
	t.Logf("%d crashes", <-crashed)
}

func TestWithoutTheDurableStoreNothingIsAcknowledged(t *testing.T) {
	t.Parallel()
	fast, durable := memory.New().Sessions, newForgetful()
	store := ledger.Keep(fast, durable, ledger.Options{Logger: slog.New(slog.DiscardHandler)})
	s := newSession(ada)
	if err := store.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	durable.leave(gone)
	ctx := t.Context()
	for verb, call := range map[string]func() error{
		"Begin":      func() error { return store.Begin(ctx, newSession(ada)) },
		"Find":       func() error { _, err := store.Find(ctx, s.ID); return err },
		"Advance":    func() error { _, err := store.Advance(ctx, s.ID, 1, later(s.Register, time.Minute, 2)); return err },
		"Revoke":     func() error { _, err := store.Revoke(ctx, s.ID, ended); return err },
		"RevokeUser": func() error { _, err := store.RevokeUser(ctx, ada, session.ID{}, ended); return err },
		"Forget":     func() error { _, err := store.Forget(ctx, begin, 1); return err },
	} {
		if err := call(); !errors.Is(err, gone) {
			t.Errorf("%s = %v, want %v", verb, err, gone)
		}
	}
	if found, err := fast.Find(ctx, s.ID); err != nil || found.Generation != 1 || found.Revoked() {
		t.Errorf("the fast store was told all the same: %+v, %v", found, err)
	}
}

// late is a fast store before whose RevokeUser something happens.
type late struct {
	session.Store
	before func()
}

func (l late) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	l.before()
	return l.Store.RevokeUser(ctx, user, except, t)
}

func TestASessionThatBeginsWhileItsUserIsEndedIsEndedInBothOrNone(t *testing.T) {
	t.Parallel()
	p := newPair()
	s := newSession(ada)
	slow := ledger.Keep(late{p.fast, func() { p.begin(t, s) }}, p.durable, ledger.Options{Now: func() time.Time { return begin }})
	ids, err := slow.RevokeUser(t.Context(), ada, session.ID{}, ended)
	if err != nil || len(ids) != 1 || ids[0] != s.ID {
		t.Errorf("RevokeUser = %v, %v", ids, err)
	}
	p.fast.crash(1)
	s.Tombstone = ended
	p.finds(t, "after a crash", s)
}
