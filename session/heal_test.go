package session_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// A token that heals is not replaced, so nothing the client holds would prove the
// healing to a store that lost it in a second crash: the session would pass for
// idle since the first. That it is not is therefore written before, durably, by
// an Advance that keeps the generation.
func TestAHealingOutlastsTheNextCrash(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	h.config.Store = &lossyStore{Store: h.store.Sessions}
	crashing, err := session.New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	second, err := crashing.Refresh(t.Context(), session.Presented{Token: first.RefreshToken, ClientID: "watchword", Delivery: session.Body})
	if err != nil {
		t.Fatal(err)
	}

	written := &recordingStore{Store: h.store.Sessions}
	h.config.Store = written
	if h.Service, err = session.New(h.config); err != nil {
		t.Fatal(err)
	}
	h.wait(5 * 24 * time.Hour)
	healed := h.mustRefresh(second.RefreshToken, "")
	if want := [][2]uint64{{1, 1}, {1, 2}}; !slices.Equal(written.advances, want) {
		t.Errorf("advances %v, want %v", written.advances, want)
	}
	for what, until := range map[string]time.Time{"the healed session": healed.Session.IdleUntil, "what a crash would leave of it": written.sure.IdleUntil} {
		if idle := until.Sub(h.time); idle != 7*24*time.Hour {
			t.Errorf("%s is idle in %v", what, idle)
		}
	}
}

// recordingStore notes the generations of each Advance.
type recordingStore struct {
	session.Store
	advances [][2]uint64
	sure     session.Register // what was written durably last
}

func (s *recordingStore) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	s.advances = append(s.advances, [2]uint64{from, next.Generation})
	if next.Generation == from {
		s.sure = next
	}
	return s.Store.Advance(ctx, id, from, next)
}
