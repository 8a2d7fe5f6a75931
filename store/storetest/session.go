package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
)

// Sessions tests a session.Store.
func Sessions(t *testing.T, open func(t testing.TB) session.Store) {
	each(t, open, map[string]func(*testing.T, session.Store){
		"a begun session is found as it was":               sessionIsFound,
		"a session begins once":                            sessionBeginsOnce,
		"texts come back byte by byte":                     sessionTextsAreBytes,
		"many sessions are found at once":                  sessionsAreFoundTogether,
		"a register is replaced from its generation only":  registerIsReplaced,
		"a register never goes back":                       registerNeverGoesBack,
		"a register may be replaced within its generation": registerIsTouched,
		"an origin that was seen may differ, or be none":   originsAreKept,
		"of a hundred successors one is chosen":            successorIsOne,
		"many rotations of many sessions each happen once": rotationsAreExact,
		"a revoked session keeps its tombstone":            tombstoneStays,
		"a revoked session does not advance":               revokedDoesNotAdvance,
		"no rotation follows a concurrent revocation":      revocationBeatsRotation,
		"all sessions of a user end, but one":              userIsRevoked,
		"each session is ended by one of many":             revocationHasOneWinner,
		"a user's live sessions are listed, newest first":  sessionsOfAUser,
		"revocations are told, from the very microsecond":  revocationsAreTold,
		"sessions are listed newest first, page by page":   sessionsArePaged,
		"sessions are selected":                            sessionsAreSelected,
		"a page has a bounded size":                        sessionPagesAreBounded,
		"live sessions are counted":                        sessionsAreCounted,
		"expired sessions are forgotten, a few at a time":  sessionsAreForgotten,
		"callers who leave do no harm":                     leaversDoNoHarm,
		"an ended context ends the verb":                   sessionVerbsHonourTheContext,
	})
}

const (
	idleTTL = 7 * 24 * time.Hour
	ttl     = 30 * 24 * time.Hour
)

// begun is a session that began n seconds into the story.
func begun(n int, user account.ID) session.Session {
	at := after(time.Duration(n) * time.Second)
	return session.Session{
		ID: newID(), UserID: user, ClientID: "web", Delivery: session.Cookie,
		CreatedAt: at, ExpiresAt: at.Add(ttl),
		Birth: session.Origin{IP: "2001:db8::1", UserAgent: "Firefox"},
		Register: session.Register{
			Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(idleTTL),
			LastSeen: session.Origin{IP: "2001:db8::1", UserAgent: "Firefox"},
		},
	}
}

// successor is the register that follows r, d later.
func successor(r session.Register, d time.Duration) session.Register {
	r.Generation++
	r.RotatedAt = r.RotatedAt.Add(d)
	r.EmittedAt, r.IdleUntil = r.RotatedAt, r.RotatedAt.Add(idleTTL)
	r.RequestKey = session.RequestKey{byte(r.Generation), 0, 0xff}
	return r
}

func newID() (id session.ID) {
	rand.Read(id[:])
	return id
}

func begin(t testing.TB, s session.Store, sessions ...session.Session) {
	t.Helper()
	for _, begun := range sessions {
		ok(t, "begin", s.Begin(t.Context(), begun))
	}
}

// is looks whether the store has the session as it should be.
func is(t testing.TB, s session.Store, what string, want session.Session) {
	t.Helper()
	got, err := s.Find(t.Context(), want.ID)
	ok(t, what, err)
	same(t, what, got, want)
	utc(t, got.CreatedAt, got.ExpiresAt, got.RotatedAt, got.EmittedAt, got.IdleUntil, got.Tombstone.At)
}

func advances(t testing.TB, s session.Store, id session.ID, from uint64, next session.Register, want bool) {
	t.Helper()
	if won, err := s.Advance(t.Context(), id, from, next); won != want || err != nil {
		t.Errorf("Advance from %d to %d = %v, %v; want %v", from, next.Generation, won, err, want)
	}
}

func sessionIsFound(t *testing.T, s session.Store) {
	full := begun(0, uuidAt(start))
	full.Generation, full.RequestKey = math.MaxUint32, session.RequestKey{1, 0, 2}
	full.RotatedAt, full.EmittedAt, full.IdleUntil = after(1*time.Microsecond), after(2*time.Microsecond), after(3*time.Microsecond)
	full.Tombstone = session.Tombstone{At: after(4 * time.Microsecond), Reason: session.EndedByAdmin, By: "cli"}
	plain := begun(1, uuidAt(start))
	plain.ClientID, plain.Delivery, plain.Birth, plain.LastSeen = "", session.Body, session.Origin{}, session.Origin{}
	begin(t, s, full, plain)
	is(t, s, "the full one", full)
	is(t, s, "the plain one", plain)

	fine := begun(2, uuidAt(start))
	fine.CreatedAt = fine.CreatedAt.Add(999)
	begin(t, s, fine)
	fine.CreatedAt = fine.CreatedAt.Truncate(time.Microsecond)
	is(t, s, "one finer than a microsecond", fine)

	if _, err := s.Find(t.Context(), newID()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("a stranger: %v, want %v", err, session.ErrNotFound)
	}
}

func sessionBeginsOnce(t *testing.T, s session.Store) {
	user := uuidAt(start)
	first := begun(0, user)
	begin(t, s, first)
	second := begun(1, user)
	second.ID = first.ID
	if err := s.Begin(t.Context(), second); !errors.Is(err, session.ErrExists) {
		t.Errorf("Begin = %v, want %v", err, session.ErrExists)
	}
	is(t, s, "the first", first)

	id, winners := newID(), 0
	for _, err := range together(20, func(i int) error {
		rival := begun(i, user)
		rival.ID = id
		return s.Begin(t.Context(), rival)
	}) {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, session.ErrExists):
			t.Errorf("Begin = %v, want %v", err, session.ErrExists)
		}
	}
	if winners != 1 {
		t.Errorf("%d sessions began with one id", winners)
	}
}

func sessionTextsAreBytes(t *testing.T, s session.Store) {
	for i, text := range awkward {
		want := begun(i, uuidAt(start))
		want.ClientID = text
		want.Birth, want.LastSeen = session.Origin{IP: text, UserAgent: text}, session.Origin{IP: text, UserAgent: text}
		begin(t, s, want)
		is(t, s, fmt.Sprintf("born with %q", text), want)

		next := successor(want.Register, time.Minute)
		next.LastSeen = session.Origin{IP: text + "!", UserAgent: "!" + text}
		advances(t, s, want.ID, 1, next, true)
		want.Register = next
		is(t, s, fmt.Sprintf("refreshed with %q", text), want)

		want.Tombstone = session.Tombstone{At: after(time.Hour), Reason: session.Reason(text), By: text}
		if did, err := s.Revoke(t.Context(), want.ID, want.Tombstone); !did || err != nil {
			t.Errorf("Revoke with %q = %v, %v", text, did, err)
		}
		is(t, s, fmt.Sprintf("revoked with %q", text), want)
	}
}

func sessionsAreFoundTogether(t *testing.T, s session.Store) {
	const n = 300
	var all []session.Session
	for i := range n {
		all = append(all, begun(i, uuidAt(start)))
	}
	for _, err := range together(n, func(i int) error { return s.Begin(t.Context(), all[i]) }) {
		ok(t, "begin", err)
	}
	type finding struct {
		found session.Session
		err   error
	}
	// Four times each, with a stranger among every five.
	for i, f := range together(5*n, func(i int) finding {
		id := newID()
		if i%5 != 0 {
			id = all[i%n].ID
		}
		found, err := s.Find(t.Context(), id)
		return finding{found, err}
	}) {
		if i%5 == 0 {
			if !errors.Is(f.err, session.ErrNotFound) {
				t.Errorf("a stranger: %v, want %v", f.err, session.ErrNotFound)
			}
			continue
		}
		ok(t, "find", f.err)
		same(t, "the session", f.found, all[i%n])
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

func tombstoneStays(t *testing.T, s session.Store) {
	want, other := begun(0, uuidAt(start)), begun(1, uuidAt(start))
	begin(t, s, want, other)
	first := session.Tombstone{At: after(time.Hour), Reason: session.SignedOut, By: want.UserID.String()}
	revokes := func(id session.ID, tombstone session.Tombstone, want bool) {
		t.Helper()
		if did, err := s.Revoke(t.Context(), id, tombstone); did != want || err != nil {
			t.Errorf("Revoke = %v, %v; want %v", did, err, want)
		}
	}
	revokes(want.ID, first, true)
	want.Tombstone = first
	is(t, s, "once revoked", want)
	revokes(want.ID, first, false)
	revokes(want.ID, session.Tombstone{At: after(0), Reason: session.ReuseDetected, By: "system"}, false)
	revokes(newID(), first, false)
	is(t, s, "thrice revoked", want)
	is(t, s, "another of that time", other)
	ended, err := s.RevokeUser(t.Context(), want.UserID, session.ID{}, session.Tombstone{At: after(2 * time.Hour), Reason: session.UserBlocked})
	ok(t, "revoke the user", err)
	same(t, "what that ended", ended, []session.ID(nil))
	is(t, s, "revoked with its user", want)
}

func revokedDoesNotAdvance(t *testing.T, s session.Store) {
	want := begun(0, uuidAt(start))
	begin(t, s, want)
	want.Tombstone = session.Tombstone{At: after(time.Hour), Reason: session.SignedOut}
	ok(t, "revoke", second(s.Revoke(t.Context(), want.ID, want.Tombstone)))
	advances(t, s, want.ID, 1, successor(want.Register, time.Minute), false)
	advances(t, s, want.ID, 1, want.Register, false)
	is(t, s, "afterwards", want)
}

func revocationBeatsRotation(t *testing.T, s session.Store) {
	for round := range 10 {
		begun := begun(round, uuidAt(start))
		begin(t, s, begun)
		revoked := make(chan struct{})
		type attempt struct {
			late bool // it began after the revocation had returned
			won  bool
		}
		const rotators, tries = 16, 12
		attempts := together(rotators+1, func(i int) (made []attempt) {
			if i == rotators {
				if _, err := s.Find(t.Context(), begun.ID); err != nil { // let some rotate first
					t.Errorf("Find: %v", err)
				}
				if did, err := s.Revoke(t.Context(), begun.ID, session.Tombstone{At: after(time.Hour), Reason: session.SignedOut}); !did || err != nil {
					t.Errorf("Revoke = %v, %v", did, err)
				}
				close(revoked)
				return nil
			}
			for generation := uint64(1); len(made) < tries; {
				a := attempt{}
				select {
				case <-revoked:
					a.late = true
				default:
				}
				next := successor(begun.Register, time.Minute)
				next.Generation = generation + 1
				var err error
				if a.won, err = s.Advance(t.Context(), begun.ID, generation, next); err != nil {
					t.Errorf("Advance: %v", err)
				}
				made = append(made, a)
				generation++
			}
			return made
		})
		wins := uint64(0)
		for _, made := range attempts {
			for _, a := range made {
				if a.won {
					wins++
				}
				if a.won && a.late {
					t.Error("a rotation succeeded after the revocation had returned")
				}
			}
		}
		found, err := s.Find(t.Context(), begun.ID)
		ok(t, "find", err)
		if !found.Revoked() || found.Generation != 1+wins {
			t.Errorf("afterwards revoked is %v and the generation %d, with %d rotations", found.Revoked(), found.Generation, wins)
		}
	}
}

func userIsRevoked(t *testing.T, s session.Store) {
	anna, berta := uuidAt(start), uuidAt(start)
	one, two, three, kept, gone, other := begun(0, anna), begun(1, anna), begun(2, anna), begun(3, anna), begun(4, anna), begun(5, berta)
	begin(t, s, one, two, three, kept, gone, other)
	gone.Tombstone = session.Tombstone{At: after(time.Minute), Reason: session.SignedOut, By: "anna"}
	ok(t, "revoke", second(s.Revoke(t.Context(), gone.ID, gone.Tombstone)))

	tombstone := session.Tombstone{At: after(time.Hour), Reason: session.PasswordChanged, By: "anna"}
	revokes := func(user account.ID, except session.ID, want ...session.ID) {
		t.Helper()
		got, err := s.RevokeUser(t.Context(), user, except, tombstone)
		ok(t, "revoke the user", err)
		same(t, "what was ended", sortIDs(got), sortIDs(want))
	}
	revokes(anna, kept.ID, one.ID, two.ID, three.ID)
	for _, s2 := range []*session.Session{&one, &two, &three} {
		s2.Tombstone = tombstone
		is(t, s, "an ended one", *s2)
		advances(t, s, s2.ID, 1, successor(s2.Register, time.Minute), false)
	}
	is(t, s, "the one that was kept", kept)
	is(t, s, "the one that had ended", gone)
	is(t, s, "another user's", other)
	revokes(anna, kept.ID)
	revokes(anna, other.ID, kept.ID) // an exception that is another's is none
	revokes(uuidAt(start), session.ID{})
	revokes(berta, session.ID{}, other.ID)
}

func revocationHasOneWinner(t *testing.T, s session.Store) {
	user := uuidAt(start)
	const n = 12
	var ids []session.ID
	for i := range n {
		begun := begun(i, user)
		begin(t, s, begun)
		ids = append(ids, begun.ID)
	}
	tombstone := session.Tombstone{At: after(time.Hour), Reason: session.UserBlocked, By: "cli"}
	var ended []session.ID
	for _, mine := range together(2*n+4, func(i int) []session.ID {
		if i >= 2*n {
			mine, err := s.RevokeUser(t.Context(), user, session.ID{}, tombstone)
			if err != nil {
				t.Errorf("RevokeUser: %v", err)
			}
			return mine
		}
		did, err := s.Revoke(t.Context(), ids[i%n], tombstone)
		if err != nil {
			t.Errorf("Revoke: %v", err)
		}
		if did {
			return []session.ID{ids[i%n]}
		}
		return nil
	}) {
		ended = append(ended, mine...)
	}
	same(t, "what was ended, by whomever", sortIDs(ended), sortIDs(ids))
}

func sessionsOfAUser(t *testing.T, s session.Store) {
	user := uuidAt(start)
	oldest, newest, idle, expired, revoked, other := begun(0, user), begun(9, user), begun(2, user), begun(3, user), begun(4, user), begun(5, uuidAt(start))
	now := after(time.Hour)
	oldest.IdleUntil = now.Add(time.Microsecond) // alive for a microsecond yet
	newest.ExpiresAt = now.Add(time.Microsecond)
	idle.IdleUntil, expired.ExpiresAt = now, now
	begin(t, s, oldest, newest, idle, expired, revoked, other)
	ok(t, "revoke", second(s.Revoke(t.Context(), revoked.ID, session.Tombstone{At: now, Reason: session.SignedOut})))
	got, err := s.ByUser(t.Context(), user, now)
	ok(t, "list", err)
	same(t, "the live sessions", got, []session.Session{newest, oldest})
	got, err = s.ByUser(t.Context(), user, now.Add(time.Microsecond))
	ok(t, "list", err)
	same(t, "a microsecond later", got, []session.Session(nil))
	got, err = s.ByUser(t.Context(), uuidAt(start), now)
	ok(t, "list", err)
	same(t, "a stranger's", got, []session.Session(nil))
}

func revocationsAreTold(t *testing.T, s session.Store) {
	user := uuidAt(start)
	one, two, live := begun(0, user), begun(1, user), begun(2, user)
	begin(t, s, one, two, live)
	early, late := after(time.Minute), after(time.Hour)
	ok(t, "revoke", second(s.Revoke(t.Context(), one.ID, session.Tombstone{At: early, Reason: session.SignedOut})))
	ok(t, "revoke", second(s.RevokeUser(t.Context(), user, live.ID, session.Tombstone{At: late, Reason: session.UserBlocked})))
	first, last := session.Revocation{Session: one.ID, At: early}, session.Revocation{Session: two.ID, At: late}
	for what, row := range map[string]struct {
		at   time.Time
		want []session.Revocation
	}{
		"from the beginning":    {time.Time{}, []session.Revocation{first, last}},
		"the very microsecond":  {late, []session.Revocation{last}},
		"within it":             {late.Add(999), []session.Revocation{last}},
		"a microsecond earlier": {late.Add(-time.Microsecond), []session.Revocation{last}},
		"a microsecond later":   {late.Add(time.Microsecond), nil},
		"the earlier one":       {early, []session.Revocation{first, last}},
	} {
		got, err := s.RevokedSince(t.Context(), row.at)
		ok(t, what, err)
		slices.SortFunc(got, func(a, b session.Revocation) int { return a.At.Compare(b.At) })
		same(t, what, got, row.want)
		for _, r := range got {
			utc(t, r.At)
		}
	}
}

func sessionsArePaged(t *testing.T, s session.Store) {
	var want []session.Session
	for i := range 7 {
		want = append([]session.Session{begun(i, uuidAt(start))}, want...)
	}
	for _, i := range []int{3, 0, 6, 1, 5, 2, 4} {
		begin(t, s, want[i])
	}
	var got []session.Session
	q := session.Query{Limit: 3}
	for range 10 {
		page, err := s.List(t.Context(), q)
		ok(t, "list", err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		q.Before = page[len(page)-1].CreatedAt
	}
	same(t, "all pages", got, want)
}

func sessionsAreSelected(t *testing.T, s session.Store) {
	anna, berta := uuidAt(start), uuidAt(start)
	one, idle, expired, other, revoked := begun(0, anna), begun(1, anna), begun(2, anna), begun(3, berta), begun(4, berta)
	now := after(time.Hour)
	idle.IdleUntil, expired.ExpiresAt = now, now
	begin(t, s, one, idle, expired, other, revoked)
	revoked.Tombstone = session.Tombstone{At: after(time.Minute), Reason: session.SignedOut, By: "berta"}
	ok(t, "revoke", second(s.Revoke(t.Context(), revoked.ID, revoked.Tombstone)))
	for what, row := range map[string]struct {
		query session.Query
		want  []session.Session
	}{
		"all":                {session.Query{}, []session.Session{revoked, other, expired, idle, one}},
		"a user's":           {session.Query{User: anna}, []session.Session{expired, idle, one}},
		"the live":           {session.Query{Alive: now}, []session.Session{other, one}},
		"the live then":      {session.Query{Alive: now.Add(-time.Microsecond)}, []session.Session{other, expired, idle, one}},
		"before one":         {session.Query{Before: idle.CreatedAt}, []session.Session{one}},
		"everything at once": {session.Query{User: anna, Alive: now, Before: other.CreatedAt, Limit: 1}, []session.Session{one}},
		"a stranger's":       {session.Query{User: uuidAt(start)}, nil},
	} {
		got, err := s.List(t.Context(), row.query)
		ok(t, what, err)
		same(t, what, got, row.want)
	}
}

func sessionPagesAreBounded(t *testing.T, s session.Store) {
	const n = 1002
	user := uuidAt(start)
	for _, err := range together(n, func(i int) error { return s.Begin(t.Context(), begun(i, user)) }) {
		ok(t, "begin", err)
	}
	for limit, want := range map[int]int{0: 50, 1: 1, 1000: 1000, 1001: 1000, n: 1000} {
		got, err := s.List(t.Context(), session.Query{Limit: limit})
		ok(t, "list", err)
		if len(got) != want {
			t.Errorf("limit %d gave %d, want %d", limit, len(got), want)
		}
	}
	if live, err := s.ByUser(t.Context(), user, start); len(live) != n || err != nil {
		t.Errorf("ByUser gave %d, %v; want all %d", len(live), err, n)
	}
	if ended, err := s.RevokeUser(t.Context(), user, session.ID{}, session.Tombstone{At: start}); len(ended) != n || err != nil {
		t.Errorf("RevokeUser ended %d, %v; want all %d", len(ended), err, n)
	}
	for _, step := range []struct{ limit, want int }{{600, 600}, {10 * n, n - 600}, {10 * n, 0}} {
		if forgotten, err := s.Forget(t.Context(), start.Add(10*ttl), step.limit); forgotten != step.want || err != nil {
			t.Errorf("Forget of %d forgot %d, %v; want %d", step.limit, forgotten, err, step.want)
		}
	}
}

func sessionsAreCounted(t *testing.T, s session.Store) {
	now := after(time.Hour)
	counts := func(want int) {
		t.Helper()
		if n, err := s.Count(t.Context(), now); n != want || err != nil {
			t.Errorf("Count = %d, %v; want %d", n, err, want)
		}
	}
	counts(0)
	one, two, idle, expired := begun(0, uuidAt(start)), begun(1, uuidAt(start)), begun(2, uuidAt(start)), begun(3, uuidAt(start))
	idle.IdleUntil, expired.ExpiresAt = now, now
	begin(t, s, one, two, idle, expired)
	counts(2)
	ok(t, "revoke", second(s.Revoke(t.Context(), one.ID, session.Tombstone{At: now})))
	counts(1)
}

func sessionsAreForgotten(t *testing.T, s session.Store) {
	user := uuidAt(start)
	var old []session.Session
	for range 5 {
		old = append(old, begun(0, user))
	}
	at, younger := old[0].ExpiresAt, begun(0, user)
	younger.ExpiresAt = at.Add(time.Microsecond)
	begin(t, s, old...)
	begin(t, s, younger)
	ok(t, "revoke", second(s.Revoke(t.Context(), old[0].ID, session.Tombstone{At: start})))

	forget := func(before time.Time, limit, want int) {
		t.Helper()
		if n, err := s.Forget(t.Context(), before, limit); n != want || err != nil {
			t.Errorf("Forget(%v, %d) = %d, %v; want %d", before, limit, n, err, want)
		}
	}
	forget(at, 10, 0) // none lies before its own end
	forget(younger.ExpiresAt, 0, 0)
	forget(younger.ExpiresAt, 3, 3)
	forget(younger.ExpiresAt, 3, 2)
	forget(younger.ExpiresAt, 3, 0)
	is(t, s, "the younger", younger)
	for _, gone := range old {
		if _, err := s.Find(t.Context(), gone.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Find = %v, want %v", err, session.ErrNotFound)
		}
	}
	left, err := s.ByUser(t.Context(), user, start)
	ok(t, "list", err)
	same(t, "the user's", left, []session.Session{younger})
	told, err := s.RevokedSince(t.Context(), time.Time{})
	ok(t, "revocations", err)
	same(t, "the revocations", told, []session.Revocation(nil))
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
			for verb, err := range errs {
				if err != nil && !errors.Is(err, ctx.Err()) {
					t.Errorf("%s = %v, while its context is %v", verb, err, ctx.Err())
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

func sessionVerbsHonourTheContext(t *testing.T, s session.Store) {
	ctx := cancelled(t)
	begun := begun(0, uuidAt(start))
	for verb, err := range map[string]error{
		"Begin":        s.Begin(ctx, begun),
		"Find":         second(s.Find(ctx, begun.ID)),
		"Advance":      second(s.Advance(ctx, begun.ID, 1, begun.Register)),
		"Revoke":       second(s.Revoke(ctx, begun.ID, session.Tombstone{At: start})),
		"RevokeUser":   second(s.RevokeUser(ctx, begun.UserID, session.ID{}, session.Tombstone{At: start})),
		"ByUser":       second(s.ByUser(ctx, begun.UserID, start)),
		"RevokedSince": second(s.RevokedSince(ctx, start)),
		"List":         second(s.List(ctx, session.Query{})),
		"Count":        second(s.Count(ctx, start)),
		"Forget":       second(s.Forget(ctx, start, 1)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", verb, err, context.Canceled)
		}
	}
	if all, err := s.List(t.Context(), session.Query{}); len(all) != 0 || err != nil {
		t.Errorf("afterwards List = %v, %v", all, err)
	}
}

func sortIDs(ids []session.ID) []session.ID {
	return slices.SortedFunc(slices.Values(ids), func(a, b session.ID) int { return bytes.Compare(a[:], b[:]) })
}

func sortNewest(events []audit.Event) {
	slices.SortFunc(events, func(a, b audit.Event) int { return bytes.Compare(b.ID[:], a.ID[:]) })
}
