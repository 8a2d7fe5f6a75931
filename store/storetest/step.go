package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// Steps tests a set whose sessions are a session.Stepper beside its users.
func Steps(t *testing.T, open func(t testing.TB) store.Set) {
	t.Run("users who are kept elsewhere are not beside", func(t *testing.T) {
		t.Parallel()
		_, _, stepper := household(t, open(t), "anna")
		if others := open(t).Users; stepper.Beside(others) || stepper.Beside(struct{ session.Users }{others}) {
			t.Error("it takes steps beside the users of another")
		}
	})
	each(t, open, map[string]func(*testing.T, store.Set){
		"a step finds a session and its user":         stepFinds,
		"a step advances as the rule says":            stepAdvances,
		"a step only goes forward":                    stepGoesForward,
		"who is unknown takes no step":                strangersDoNotStep,
		"a revoked session takes no step":             revokedDoesNotStep,
		"what a rule is given is its own":             stepsShareNothing,
		"many steps of many sessions each count once": stepsAreExact,
		"no step follows a concurrent revocation":     revocationBeatsStep,
		"a step's context may end":                    stepHonoursTheContext,
	})
}

// household adds a user and begins a session of theirs.
func household(t testing.TB, s store.Set, name string) (account.User, session.Session, session.Stepper) {
	t.Helper()
	u := someone(0, name)
	add(t, s.Users, u)
	of := begun(0, u.ID)
	begin(t, s.Sessions, of)
	stepper, can := s.Sessions.(session.Stepper)
	if !can || !stepper.Beside(s.Users) {
		t.Fatal("it takes no steps beside its own users")
	}
	return u, of, stepper
}

// look is a rule that leaves the register as it is.
func look(session.Session, account.User) (session.Register, bool) { return session.Register{}, false }

// forward is the rule that the next generation follows, d later.
func forward(d time.Duration) session.Rule {
	return func(found session.Session, _ account.User) (session.Register, bool) {
		return successor(found.Register, d), true
	}
}

func steps(t testing.TB, s session.Stepper, id session.ID, rule session.Rule, want bool) {
	t.Helper()
	if did, err := s.Step(t.Context(), id, rule); did != want || err != nil {
		t.Errorf("Step = %v, %v; want %v", did, err, want)
	}
}

func stepFinds(t *testing.T, s store.Set) {
	u, of, stepper := household(t, s, "anna")
	blocked, err := s.Users.SetBlock(t.Context(), u.ID, account.Block{At: after(time.Hour), Reason: "spam", By: "cli"})
	ok(t, "block", err)
	var found session.Session
	var user account.User
	steps(t, stepper, of.ID, func(s session.Session, u account.User) (session.Register, bool) {
		found, user = s, u
		return session.Register{}, false
	}, true)
	same(t, "the session", found, of)
	same(t, "the user", user, blocked)
	utc(t, found.CreatedAt, found.RotatedAt, user.CreatedAt, user.EpochAt)
	is(t, s.Sessions, "afterwards", of)
}

func stepAdvances(t *testing.T, s store.Set) {
	_, of, stepper := household(t, s, "anna")
	for range 3 {
		steps(t, stepper, of.ID, func(found session.Session, _ account.User) (session.Register, bool) {
			same(t, "what the rule is given", found, of)
			next := successor(found.Register, time.Minute)
			next.LastSeen = session.Origin{IP: "192.0.2.7", UserAgent: "Chrome"}
			return next, true
		}, true)
		of.Register = successor(of.Register, time.Minute)
		of.LastSeen = session.Origin{IP: "192.0.2.7", UserAgent: "Chrome"}
		is(t, s.Sessions, "after a step", of)
	}
	leap := successor(of.Register, time.Hour)
	leap.Generation = 50
	steps(t, stepper, of.ID, func(session.Session, account.User) (session.Register, bool) { return leap, true }, true)
	of.Register = leap
	is(t, s.Sessions, "after a leap", of)
}

func stepGoesForward(t *testing.T, s store.Set) {
	_, of, stepper := household(t, s, "anna")
	steps(t, stepper, of.ID, forward(time.Minute), true)
	of.Register = successor(of.Register, time.Minute)
	for _, generation := range []uint64{1, 2} {
		steps(t, stepper, of.ID, func(found session.Session, _ account.User) (session.Register, bool) {
			found.Generation = generation
			found.IdleUntil = found.IdleUntil.Add(time.Hour)
			return found.Register, true
		}, false)
		is(t, s.Sessions, "afterwards", of)
	}
}

func strangersDoNotStep(t *testing.T, s store.Set) {
	_, _, stepper := household(t, s, "anna")
	orphan := begun(1, uuidAt(start))
	begin(t, s.Sessions, orphan)
	for _, row := range []struct {
		id   session.ID
		want error
	}{{newID(), session.ErrNotFound}, {orphan.ID, account.ErrNotFound}} {
		did, err := stepper.Step(t.Context(), row.id, forward(time.Minute))
		if did || !errors.Is(err, row.want) {
			t.Errorf("Step = %v, %v; want %v", did, err, row.want)
		}
	}
	is(t, s.Sessions, "the session of nobody", orphan)
}

func revokedDoesNotStep(t *testing.T, s store.Set) {
	_, of, stepper := household(t, s, "anna")
	of.Tombstone = session.Tombstone{At: after(time.Hour), Reason: session.SignedOut, By: "self"}
	_, err := s.Sessions.Revoke(t.Context(), of.ID, of.Tombstone)
	ok(t, "revoke", err)
	steps(t, stepper, of.ID, func(found session.Session, _ account.User) (session.Register, bool) {
		same(t, "the tombstone", found.Tombstone, of.Tombstone)
		return successor(found.Register, time.Minute), true
	}, false)
	is(t, s.Sessions, "afterwards", of)
}

func stepsShareNothing(t *testing.T, s store.Set) {
	u, of, stepper := household(t, s, "anna")
	together(50, func(int) bool {
		steps(t, stepper, of.ID, func(_ session.Session, lent account.User) (session.Register, bool) {
			if !slices.Equal(lent.Roles, u.Roles) {
				t.Errorf("another rule's roles: %q", lent.Roles)
			}
			for i := range lent.Roles {
				lent.Roles[i] = "stolen"
			}
			return session.Register{}, false
		}, true)
		return true
	})
}

func stepsAreExact(t *testing.T, s store.Set) {
	const sessions, workers, rounds = 5, 40, 20
	u, of, stepper := household(t, s, "anna")
	ids := []session.ID{of.ID}
	for range sessions - 1 {
		another := begun(0, u.ID)
		begin(t, s.Sessions, another)
		ids = append(ids, another.ID)
	}
	won := together(workers, func(worker int) (won [sessions]uint64) {
		for round := range rounds {
			i := (worker + round) % sessions
			did, err := stepper.Step(t.Context(), ids[i], forward(time.Minute))
			if err != nil {
				t.Errorf("Step: %v", err)
			}
			if did {
				won[i]++
			}
		}
		return won
	})
	for i, id := range ids {
		sum := uint64(1)
		for _, one := range won {
			sum += one[i]
		}
		got, err := s.Sessions.Find(t.Context(), id)
		ok(t, "find", err)
		if got.Generation != sum || sum == 1 {
			t.Errorf("session %d is at generation %d after %d steps", i, got.Generation, sum-1)
		}
	}
}

func revocationBeatsStep(t *testing.T, s store.Set) {
	u, of, stepper := household(t, s, "anna")
	for range 20 {
		of = begun(0, u.ID)
		begin(t, s.Sessions, of)
		generations := together(8, func(i int) uint64 {
			if i == 0 {
				if _, err := s.Sessions.Revoke(t.Context(), of.ID, session.Tombstone{At: after(time.Hour), Reason: session.SignedOut, By: "self"}); err != nil {
					t.Errorf("Revoke: %v", err)
				}
				got, err := s.Sessions.Find(t.Context(), of.ID)
				if err != nil || !got.Revoked() {
					t.Errorf("right after its end: %+v, %v", got, err)
				}
				return got.Generation
			}
			for range 5 {
				if _, err := stepper.Step(t.Context(), of.ID, forward(time.Minute)); err != nil {
					t.Errorf("Step: %v", err)
				}
			}
			return 0
		})
		got, err := s.Sessions.Find(t.Context(), of.ID)
		ok(t, "find", err)
		if got.Generation != generations[0] {
			t.Fatalf("it was at generation %d when its end was acknowledged, and is at %d", generations[0], got.Generation)
		}
	}
}

func stepHonoursTheContext(t *testing.T, s store.Set) {
	_, of, stepper := household(t, s, "anna")
	ctx := cancelled(t)
	if _, err := stepper.Step(ctx, of.ID, look); !errors.Is(err, ctx.Err()) {
		t.Errorf("Step = %v", err)
	}
}
