package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

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
