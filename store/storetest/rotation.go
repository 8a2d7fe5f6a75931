package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// successor is the register that follows r, d later.
func successor(r session.Register, d time.Duration) session.Register {
	r.Generation++
	r.RotatedAt = r.RotatedAt.Add(d)
	r.EmittedAt, r.IdleUntil = r.RotatedAt, r.RotatedAt.Add(idleTTL)
	r.RequestKey = session.RequestKey{byte(r.Generation), 0, 0xff}
	return r
}

func advances(t testing.TB, s session.Store, id session.ID, from uint64, next session.Register, want bool) {
	t.Helper()
	if won, err := s.Advance(t.Context(), id, from, next); won != want || err != nil {
		t.Errorf("Advance from %d to %d = %v, %v; want %v", from, next.Generation, won, err, want)
	}
}

func registerIsReplaced(t *testing.T, s session.Store) {
	want := begun(0, uuidAt(start))
	begin(t, s, want)
	second := successor(want.Register, time.Minute)
	second.LastSeen = session.Origin{IP: "192.0.2.7", UserAgent: "Chrome"}
	advances(t, s, want.ID, 2, second, false)
	is(t, s, "after the wrong generation", want)
	advances(t, s, want.ID, 1, second, true)
	want.Register = second
	is(t, s, "after the right one", want)
	advances(t, s, want.ID, 1, successor(second, time.Minute), false)
	is(t, s, "after one too old", want)

	healed := successor(second, time.Hour)
	healed.Generation, healed.RequestKey = 50, session.RequestKey{}
	advances(t, s, want.ID, 2, healed, true)
	want.Register = healed
	is(t, s, "after a leap", want)

	last := successor(healed, time.Hour)
	last.Generation = math.MaxUint32
	advances(t, s, want.ID, 50, last, true)
	want.Register = last
	is(t, s, "at the last generation", want)
	advances(t, s, newID(), 1, second, false)
}

func registerNeverGoesBack(t *testing.T, s session.Store) {
	want := begun(0, uuidAt(start))
	want.Generation = 5
	begin(t, s, want)
	back := want.Register
	back.Generation = 4
	if won, _ := s.Advance(t.Context(), want.ID, 5, back); won {
		t.Error("it went back from 5 to 4")
	}
	is(t, s, "afterwards", want)
}

func registerIsTouched(t *testing.T, s session.Store) {
	want := begun(0, uuidAt(start))
	begin(t, s, want)
	for i := range 3 {
		touched := want.Register
		touched.EmittedAt = after(time.Duration(i+1) * time.Minute)
		touched.IdleUntil = touched.EmittedAt.Add(idleTTL)
		advances(t, s, want.ID, 1, touched, true)
		want.Register = touched
		is(t, s, "after a touch", want)
		advances(t, s, want.ID, 1, touched, true) // the very same
	}
	// Any number may touch one generation at once: all of them win.
	for i, won := range together(50, func(i int) bool {
		touched := want.Register
		touched.EmittedAt = after(time.Hour + time.Duration(i)*time.Second)
		won, err := s.Advance(t.Context(), want.ID, 1, touched)
		return won && err == nil
	}) {
		if !won {
			t.Errorf("touch %d lost", i)
		}
	}
	got, err := s.Find(t.Context(), want.ID)
	ok(t, "find", err)
	if d := got.EmittedAt.Sub(start); got.Generation != 1 || d < time.Hour || d >= time.Hour+50*time.Second {
		t.Errorf("afterwards %+v", got.Register)
	}
}

func originsAreKept(t *testing.T, s session.Store) {
	for _, birth := range []session.Origin{{}, {IP: "192.0.2.1", UserAgent: "Firefox"}, {IP: "192.0.2.1"}} {
		want := begun(0, uuidAt(start))
		want.Birth = birth
		begin(t, s, want)
		for _, seen := range []session.Origin{birth, {}, {UserAgent: "Firefox"}, {IP: "192.0.2.2", UserAgent: "firefox"}, {}, birth} {
			next := successor(want.Register, time.Minute)
			next.LastSeen = seen
			advances(t, s, want.ID, want.Generation, next, true)
			want.Register = next
			is(t, s, fmt.Sprintf("born at %+v, seen at %+v", birth, seen), want)
		}
	}
}

func successorIsOne(t *testing.T, s session.Store) {
	want := begun(0, uuidAt(start))
	begin(t, s, want)
	for round := range 10 {
		const rivals = 100
		winner := -1
		for i, won := range together(rivals, func(i int) bool {
			next := successor(want.Register, time.Minute)
			next.RequestKey = session.RequestKey{byte(round), byte(i)}
			won, err := s.Advance(t.Context(), want.ID, want.Generation, next)
			if err != nil {
				t.Errorf("Advance: %v", err)
			}
			return won
		}) {
			switch {
			case won && winner >= 0:
				t.Errorf("round %d: both %d and %d won", round, winner, i)
			case won:
				winner = i
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody won", round)
		}
		want.Register = successor(want.Register, time.Minute)
		want.RequestKey = session.RequestKey{byte(round), byte(winner)}
		is(t, s, "what the winner wrote", want)
	}
}

func rotationsAreExact(t *testing.T, s session.Store) {
	const sessions, workers, rounds = 5, 40, 20
	user := uuidAt(start)
	var ids []session.ID
	for i := range sessions {
		begun := begun(i, user)
		begin(t, s, begun)
		ids = append(ids, begun.ID)
	}
	type wins [sessions]uint64
	var total wins
	for _, w := range together(workers, func(worker int) (w wins) {
		for round := range rounds {
			i := (worker + round) % sessions
			found, err := s.Find(t.Context(), ids[i])
			if err != nil {
				t.Errorf("Find: %v", err)
				return w
			}
			won, err := s.Advance(t.Context(), ids[i], found.Generation, successor(found.Register, time.Minute))
			if err != nil {
				t.Errorf("Advance: %v", err)
				return w
			}
			if won {
				w[i]++
			}
		}
		return w
	}) {
		for i := range total {
			total[i] += w[i]
		}
	}
	for i, id := range ids {
		found, err := s.Find(t.Context(), id)
		ok(t, "find", err)
		if found.Generation != 1+total[i] {
			t.Errorf("session %d is at generation %d after %d rotations", i, found.Generation, total[i])
		}
	}
}

// Callers hang up at any moment. Each gets its answer or its own context's error,
// what was acknowledged is there, and those who stay notice nothing.
func leaversDoNoHarm(t *testing.T, s session.Store) {
	user := uuidAt(start)
	shared := begun(0, user)
	begin(t, s, shared)
	const callers, calls = 16, 15
	began := together(callers, func(caller int) (acknowledged []session.Session) {
		for call := range calls {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(call*call)*20*time.Microsecond)
			if caller%4 == 0 {
				ctx = t.Context() // this one stays
			}
			new := begun(call, user)
			err := s.Begin(ctx, new)
			if err == nil {
				acknowledged = append(acknowledged, new)
			}
			found := shared
			errs := map[string]error{"Begin": err}
			found, errs["Find"] = s.Find(ctx, shared.ID)
			if errs["Find"] == nil {
				_, errs["Advance"] = s.Advance(ctx, shared.ID, found.Generation, successor(found.Register, time.Minute))
			}
			_, errs["List"] = s.List(ctx, session.Query{User: user})
			_, errs["RevokeUser"] = s.RevokeUser(ctx, uuidAt(start), session.ID{}, session.Tombstone{At: start})
			ended := ctx.Err()
			if _, leaves := ctx.Deadline(); leaves {
				ended = context.DeadlineExceeded // a store may know it before the context's timer has fired
			}
			for verb, err := range errs {
				if err != nil && !errors.Is(err, ended) {
					t.Errorf("%s = %v, while its context is %v", verb, err, ended)
				}
			}
			cancel()
		}
		return acknowledged
	})
	for _, acknowledged := range began {
		for _, want := range acknowledged {
			is(t, s, "a session whose beginning was acknowledged", want)
		}
	}
	now, err := s.Find(t.Context(), shared.ID)
	ok(t, "find", err)
	advances(t, s, shared.ID, now.Generation, successor(now.Register, time.Minute), true)
}
