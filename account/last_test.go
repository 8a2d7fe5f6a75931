package account_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
)

func (h *house) makeAdmin(t *testing.T, n int) account.User {
	t.Helper()
	draft := root(n)
	draft.Roles = []string{"admin"}
	user, err := h.Create(t.Context(), draft, account.Actor{By: account.ByCLI})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func TestTheLastAdministratorRemains(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	cli := account.Actor{By: account.ByCLI}
	first := h.makeAdmin(t, 1)
	if _, err := h.SetRoles(t.Context(), first.ID, []string{"user"}, cli); !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("demote the last: %v", err)
	}
	if _, err := h.Block(t.Context(), first.ID, "", cli); !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("block the last: %v", err)
	}
	kept, err := h.Find(t.Context(), first.ID)
	if err != nil || kept.Epoch != first.Epoch || kept.Blocked() || !kept.Has("admin") {
		t.Errorf("it changed: %+v (%v)", kept, err)
	}

	second := h.makeAdmin(t, 2)
	if _, err := h.Block(t.Context(), second.ID, "", cli); err != nil {
		t.Errorf("block one of two: %v", err)
	}
	if _, err := h.SetRoles(t.Context(), first.ID, nil, cli); !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("who is blocked administers nothing: %v", err)
	}
	if _, err := h.Block(t.Context(), second.ID, "for another reason", cli); err != nil {
		t.Errorf("block who is blocked: %v", err)
	}
	if _, err := h.SetRoles(t.Context(), second.ID, []string{"user"}, cli); err != nil {
		t.Errorf("demote who is blocked: %v", err)
	}
	if _, err := h.SetRoles(t.Context(), first.ID, []string{"admin", "moderator"}, cli); err != nil {
		t.Errorf("another role beside: %v", err)
	}
}

// Two administrators get rid of each other, at once, on one node and on two.
func TestOfTwoAdministratorsWhoRemoveEachOtherOneRemains(t *testing.T) {
	t.Parallel()
	for round := range 40 {
		h := newHouse(t)
		stores := []account.Store{h.stores.Users, h.stores.Users}
		if round%2 == 1 {
			// Both have looked before either acts: the second look has to find it.
			meet := &meeting{Store: h.stores.Users, both: make(chan struct{})}
			stores = []account.Store{meet, meet}
		}
		var nodes []*house
		for _, s := range stores {
			nodes = append(nodes, newHouse(t, func(c *account.Config) { c.Store = s }))
		}
		if round%4 == 2 {
			nodes[1] = nodes[0]
		}
		a, b := h.makeAdmin(t, 1), h.makeAdmin(t, 2)
		var all sync.WaitGroup
		outcomes := make([]error, 2)
		all.Go(func() { _, outcomes[0] = nodes[0].Block(t.Context(), b.ID, "", account.Actor{By: a.ID.String()}) })
		all.Go(func() {
			_, outcomes[1] = nodes[1].SetRoles(t.Context(), a.ID, []string{"user"}, account.Actor{By: b.ID.String()})
		})
		all.Wait()
		left, err := h.List(t.Context(), account.Query{Role: "admin", Blocked: new(false)})
		if err != nil || len(left) == 0 {
			t.Fatalf("round %d: nobody is left (%v): %v", round, err, outcomes)
		}
		for _, err := range outcomes {
			if err != nil && !errors.Is(err, account.ErrLastAdmin) {
				t.Error(err)
			}
		}
	}
}

// meeting is a store whose first two looks for administrators are answered together.
type meeting struct {
	account.Store
	mu    sync.Mutex
	looks int
	both  chan struct{}
}

func (m *meeting) List(ctx context.Context, q account.Query) ([]account.User, error) {
	users, err := m.Store.List(ctx, q)
	m.mu.Lock()
	m.looks++
	if m.looks == 2 {
		close(m.both)
	}
	wait := m.looks <= 2
	m.mu.Unlock()
	if wait {
		select {
		case <-m.both:
		case <-time.After(time.Minute):
			return nil, errors.New("the other never looked")
		}
	}
	return users, err
}
