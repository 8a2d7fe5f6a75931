package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

// What the store answers when it has a bad day. Like a driver's, its errors say
// what was tried, with all arguments.
var (
	errRefused = errors.New("the store refused the connection")
	errBroken  = errors.New("the connection broke; whether it happened is not known")
)

// fallible is a session.Store that takes time, fails before or after it has
// acted, and forgets in a crash what its contract lets it forget.
type fallible struct {
	session.Store // the memory store that holds what there is now
	world         *world
	people        session.Users // whose sessions it keeps
	failure       float64       // the probability that a call fails
	slowest       time.Duration
	life          map[session.ID]*life
	births        []session.ID // in order, so that a crash is the same each time
	onWrite       func()       // after each rotation and revocation
	crashes       int
	lost          int // rotations

	// Mistakes of a driver, for TestMistakes.
	slow          bool // (no mistake: each call takes long)
	blind         bool // Advance does not compare
	undead        bool // Advance does not look at the tombstone
	lazyRevoke    bool // a crash forgets revocations, too
	lazyReplay    bool // a crash forgets that a token was handed out again, too
	forgetsForAge bool // a crash forgets the last minutes
}

// life is what a crash may leave of a session.
type life struct {
	birth   session.Session
	sure    session.Register // on the disk
	unsure  []advance        // not yet, the oldest first
	revoked session.Tombstone
	wins    map[uint64]bool // generations that were replaced since the last crash
}

type advance struct {
	at   time.Time
	next session.Register
}

func newFallible(w *world, people session.Users) *fallible {
	return &fallible{Store: memory.New().Sessions, world: w, people: people, life: map[session.ID]*life{}}
}

// call has act happen in a while, or fail, or both.
func (f *fallible) call(ctx context.Context, act func() error) error {
	p := processOf(ctx)
	p.sleep(f.latency())
	if f.world.chance(f.failure / 2) {
		return errRefused
	}
	if ctx.Err() != nil && f.world.chance(0.5) {
		return ctx.Err()
	}
	before := f.crashes
	err := act()
	p.sleep(f.latency())
	switch {
	case f.crashes != before, f.world.chance(f.failure / 2):
		return errBroken
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

func (f *fallible) latency() time.Duration {
	if f.slow || f.world.chance(0.05) {
		return f.world.between(0, f.slowest)
	}
	return f.world.between(0, min(f.slowest, 20*time.Millisecond))
}

func (f *fallible) Begin(ctx context.Context, s session.Session) error {
	err := f.call(ctx, func() error {
		err := f.Store.Begin(context.Background(), s)
		if err == nil {
			f.births = append(f.births, s.ID)
			f.life[s.ID] = &life{birth: s, sure: s.Register, wins: map[uint64]bool{}}
		}
		return err
	})
	return wrap(err, "begin %+v", s)
}

func (f *fallible) Find(ctx context.Context, id session.ID) (found session.Session, err error) {
	err = f.call(ctx, func() (err error) {
		found, err = f.Store.Find(context.Background(), id)
		return err
	})
	if err != nil {
		return session.Session{}, wrap(err, "find %v", id)
	}
	return found, nil
}

func (f *fallible) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (won bool, err error) {
	err = f.call(ctx, func() (err error) {
		if won, err = f.advance(id, from, next); won {
			f.note(id, from, next)
		}
		return err
	})
	if err != nil {
		return false, wrap(err, "advance %v from %d to %+v", id, from, next)
	}
	return won, nil
}

// Beside implements session.Stepper.
func (f *fallible) Beside(people session.Users) bool { return people == f.people }

// Step implements session.Stepper: nothing happens between its look and its write.
func (f *fallible) Step(ctx context.Context, id session.ID, rule session.Rule) (won bool, err error) {
	err = f.call(ctx, func() error {
		found, err := f.Store.Find(context.Background(), id)
		if err != nil {
			return err
		}
		user, err := f.people.Find(context.Background(), found.UserID)
		if err != nil {
			return err
		}
		next, advance := rule(found, user)
		if !advance {
			won = true
			return nil
		}
		if won, err = f.advance(id, found.Generation, next); won {
			f.note(id, found.Generation, next)
		}
		return err
	})
	if err != nil {
		return false, wrap(err, "step %v", id)
	}
	return won, nil
}

func (f *fallible) advance(id session.ID, from uint64, next session.Register) (bool, error) {
	now, err := f.Store.Find(context.Background(), id)
	if err != nil || now.Revoked() && !f.undead {
		return false, nil
	}
	if now.Revoked() || f.blind && now.Generation != from {
		f.life[id].revoked = session.Tombstone{}
		return true, f.rewrite(id, next, session.Tombstone{})
	}
	return f.Store.Advance(context.Background(), id, from, next)
}

// note checks promise 4 where it is kept, and remembers what a crash may undo.
func (f *fallible) note(id session.ID, from uint64, next session.Register) {
	l := f.life[id]
	if next.Generation == from && !f.lazyReplay {
		l.sure, l.unsure = next, nil
		return
	}
	if next.Generation > from {
		if l.wins[from] {
			f.world.breaks(4, "generation %d was replaced twice", from)
		}
		l.wins[from] = true
	}
	l.unsure = append(l.unsure, advance{f.world.now, next})
	f.onWrite()
}

func (f *fallible) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (did bool, err error) {
	err = f.call(ctx, func() (err error) {
		did, err = f.Store.Revoke(context.Background(), id, t)
		if did {
			f.life[id].revoked = t
			f.onWrite()
		}
		return err
	})
	if err != nil {
		return false, wrap(err, "revoke %v: %+v", id, t)
	}
	return did, nil
}

func (f *fallible) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) (ended []session.ID, err error) {
	err = f.call(ctx, func() (err error) {
		ended, err = f.Store.RevokeUser(context.Background(), user, except, t)
		for _, id := range ended {
			f.life[id].revoked = t
			f.onWrite()
		}
		return err
	})
	if err != nil {
		return nil, wrap(err, "revoke the sessions of %v: %+v", user, t)
	}
	return ended, nil
}

// crash brings back, of each session, what is on the disk and perhaps some of
// what is not yet.
func (f *fallible) crash() {
	f.crashes++
	f.Store = memory.New().Sessions
	for _, id := range f.births {
		l := f.life[id]
		for len(l.unsure) > 0 && !f.mayForget(l.unsure[0]) {
			l.sure, l.unsure = l.unsure[0].next, l.unsure[1:]
		}
		for _, kept := range l.unsure[:f.world.IntN(len(l.unsure)+1)] {
			l.sure = kept.next
		}
		if newest := len(l.unsure) - 1; newest >= 0 && l.unsure[newest].next.Generation > l.sure.Generation {
			f.lost++
			f.world.tell("the store forgets: %v falls back to generation %d", id, l.sure.Generation)
		}
		l.unsure, l.wins = nil, map[uint64]bool{}
		if f.lazyRevoke && f.world.now.Sub(l.revoked.At) < session.SyncWithin {
			l.revoked = session.Tombstone{}
		}
		f.restore(l)
	}
}

func (f *fallible) mayForget(a advance) bool {
	within := session.SyncWithin
	if f.forgetsForAge {
		within = 5 * time.Minute
	}
	return f.world.now.Sub(a.at) < within
}

// backup copies what there is.
func (f *fallible) backup() []session.Session {
	var all []session.Session
	for _, id := range f.births {
		s, err := f.Store.Find(context.Background(), id)
		if err != nil {
			panic(err)
		}
		all = append(all, s)
	}
	return all
}

// reinstate makes a backup the whole truth.
func (f *fallible) reinstate(backup []session.Session) {
	f.Store, f.births = memory.New().Sessions, nil
	for _, s := range backup {
		l := f.life[s.ID]
		l.sure, l.unsure, l.revoked, l.wins = s.Register, nil, s.Tombstone, map[uint64]bool{}
		f.births = append(f.births, s.ID)
		f.restore(l)
	}
}

// restore puts a session into a store that does not have it.
func (f *fallible) restore(l *life) {
	s := l.birth
	s.Register, s.Tombstone = l.sure, l.revoked
	if err := f.Store.Begin(context.Background(), s); err != nil {
		panic(err) // the memory store has no other reason than that it is there
	}
}

// rewrite is what no store may do: it changes a session without comparing.
func (f *fallible) rewrite(id session.ID, next session.Register, t session.Tombstone) error {
	fresh := memory.New().Sessions
	for _, other := range f.births {
		s, err := f.Store.Find(context.Background(), other)
		if err != nil {
			return err
		}
		if other == id {
			s.Register, s.Tombstone = next, t
		}
		if err := fresh.Begin(context.Background(), s); err != nil {
			return err
		}
	}
	f.Store = fresh
	return nil
}

// wrap says what was tried, as drivers do.
func wrap(err error, format string, args ...any) error {
	if err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrExists) {
		return err
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
