package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

// restored is a house whose store fell back to a backup of generation 3, after the
// owner had come to generation 9, with a window open. It returns every refresh
// token of the session, by its generation less one.
func restored(t *testing.T) (h *house, tokens []string) {
	h = newHouse(t, nil)
	grant := h.begin()
	tokens = []string{grant.RefreshToken}
	rotate := func() {
		h.wait(time.Minute)
		tokens = append(tokens, h.mustRefresh(tokens[len(tokens)-1], "").RefreshToken)
	}
	rotate()
	rotate()
	backup, err := h.store.Sessions.Find(t.Context(), grant.Session.ID)
	if err != nil {
		t.Fatal(err)
	}
	restoredTo := h.time
	for range 6 {
		rotate()
	}
	h.wait(time.Hour)
	h.store = memory.New()
	if err := errors.Join(h.store.Sessions.Begin(t.Context(), backup), h.store.Users.Add(t.Context(), h.ada)); err != nil {
		t.Fatal(err)
	}
	h.config.Store, h.config.Users, h.config.Events = h.store.Sessions, h.store.Users, h.store.Events
	h.config.Policy.Recovery = session.Recovery{RestoredTo: restoredTo, ReopenedAt: h.time, ClosesAt: h.time.Add(7 * 24 * time.Hour)}
	if h.Service, err = session.New(h.config); err != nil {
		t.Fatal(err)
	}
	h.wait(time.Minute)
	return h, tokens
}

func TestARotatedSessionGoesOnAfterARestore(t *testing.T) {
	t.Parallel()
	h, tokens := restored(t)
	grant := h.mustRefresh(tokens[8], "")
	if grant.Session.Generation != 9 || grant.Renewed {
		t.Errorf("it goes on in generation %d, with another token: %v; want 9 and the one it has", grant.Session.Generation, grant.Renewed)
	}
	story, err := h.Explain(t.Context(), grant.Session.ID)
	if err != nil || len(story.Events) != 1 || story.Events[0].Type != audit.SessionHealed {
		t.Fatalf("its story tells %v, %v", story.Events, err)
	}
	if d := story.Events[0].Detail; d["stored"] != "3" || d["presented"] != "9" {
		t.Errorf("the event tells %v", d)
	}
	h.wait(time.Minute)
	h.mustRefresh(tokens[8], "")
}

// In a recovery window an old token of the lost interval is taken for the current
// one, until the owner comes. Then the two are told apart as ever: whichever comes
// second, and goes on, is a thief.
func TestAThiefInARecoveryWindowIsFoundWhenTheOwnerComes(t *testing.T) {
	t.Parallel()
	const owner, thief = 9, 5
	for name, thiefGoesOnTo := range map[string]uint64{
		"the owner comes first":                    0,
		"the thief comes first":                    thief,
		"the thief goes on for a while":            7,
		"the thief comes just as far as the owner": owner,
		"the thief overtakes the owner":            12,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, tokens := restored(t)
			owns, stolen := tokens[owner-1], tokens[thief-1]
			for generation := uint64(0); generation < thiefGoesOnTo; {
				grant := h.mustRefresh(stolen, "of the thief")
				stolen, generation = grant.RefreshToken, grant.Session.Generation
				h.wait(time.Minute)
			}
			// Each refreshes twice from now on: that is once more than it takes.
			found := false
			for range 2 {
				for _, token := range []*string{&owns, &stolen} {
					grant, err := h.refresh(*token, "of "+*token)
					if errors.Is(err, session.ErrEnded) {
						found = true
					} else if err != nil {
						t.Fatal(err)
					} else {
						*token = grant.RefreshToken
					}
					h.wait(time.Minute)
				}
			}
			if !found {
				t.Error("the theft goes unnoticed")
			}
			for who, token := range map[string]string{"owner": owns, "thief": stolen} {
				if _, err := h.refresh(token, ""); !errors.Is(err, session.ErrEnded) {
					t.Errorf("the %s goes on: %v", who, err)
				}
			}
		})
	}
}
