package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

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
