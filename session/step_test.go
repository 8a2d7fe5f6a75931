package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// busy is a store whose steps wait for their turn.
type busy struct {
	session.Store
	session.Stepper
	wait func()
}

func (b busy) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	b.wait()
	return b.Stepper.Step(ctx, id, rule)
}

// What a database that is slow makes late is not theft.
func TestARetryThatWaitsForTheDatabaseIsNotLate(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		key     string
		arrives time.Duration // after the rotation, within the retry window
		waits   time.Duration // together they are beyond it
		strict  bool          // there is no window
		want    error
	}{
		"a retry without a key":     {"", 6 * time.Second, 10 * time.Second, false, nil},
		"a retry with its key":      {"the key", 6 * time.Second, 10 * time.Second, false, nil},
		"another tab":               {"another key", 6 * time.Second, 10 * time.Second, false, session.ErrStraggler},
		"a thief, beyond it anyway": {"another key", 16 * time.Second, 10 * time.Second, false, session.ErrEnded},
		"where there is none":       {"another key", 0, 10 * time.Second, true, session.ErrEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wait time.Duration
			var h *house
			h = newHouse(t, func(c *session.Config) {
				if row.strict {
					c.Policy.RetryWindow = 0
				}
				c.Store = busy{c.Store, c.Store.(session.Stepper), func() { h.wait(wait) }}
			})
			first := h.begin()
			h.wait(time.Hour)
			key := "the key"
			if row.key == "" {
				key = ""
			}
			second := h.mustRefresh(first.RefreshToken, key)
			h.wait(row.arrives)
			wait = row.waits
			got, err := h.refresh(first.RefreshToken, row.key)
			if !errors.Is(err, row.want) {
				t.Fatalf("Refresh = %v, want %v", err, row.want)
			}
			if err == nil && got.RefreshToken != second.RefreshToken {
				t.Error("it is given another token than the first time")
			}
		})
	}
}

// forgetful is a store that finds a session and does not when it is to be changed.
type forgetful struct{ session.Store }

func (forgetful) Advance(context.Context, session.ID, uint64, session.Register) (bool, error) {
	return false, session.ErrNotFound
}

// Only a look tells that there is no such session: nothing else signs anybody out.
func TestAnAdvanceThatFindsNothingSignsNobodyOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *session.Config) { c.Store = forgetful{c.Store} })
	first := h.begin()
	h.wait(time.Hour)
	if _, err := h.refresh(first.RefreshToken, ""); err == nil || errors.Is(err, session.ErrEnded) {
		t.Errorf("Refresh = %v, want an error that is not %v", err, session.ErrEnded)
	}
}
