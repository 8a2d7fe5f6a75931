package sqlstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoIsHeldUpAsksAgainForABoundedTime(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		free  int           // the try that is not held up; 0: none
		err   error         // what it says
		leave time.Duration // when the caller does; 0: never
		want  error
		tries int
		took  time.Duration
	}{
		"nobody holds it":     {free: 1, tries: 1},
		"it fails":            {free: 1, err: broken, want: broken, tries: 1},
		"held for a moment":   {free: 3, tries: 3, took: 15 * time.Millisecond},
		"fails after that":    {free: 3, err: broken, want: broken, tries: 3, took: 15 * time.Millisecond},
		"held for long":       {free: 9, tries: 9, took: 1275 * time.Millisecond},
		"held for longer":     {want: ErrUnavailable, tries: 9, took: 1275 * time.Millisecond},
		"the caller leaves":   {leave: 100 * time.Millisecond, want: context.DeadlineExceeded, tries: 5, took: 100 * time.Millisecond},
		"fails at the end":    {free: 9, err: broken, want: broken, tries: 9, took: 1275 * time.Millisecond},
		"leaves after it won": {free: 1, leave: time.Second, tries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if row.leave > 0 {
					leaving, cancel := context.WithTimeout(ctx, row.leave)
					defer cancel()
					ctx = leaving
				}
				tries, start := 0, time.Now()
				err := unlessHeld(ctx, func() (bool, error) {
					tries++
					if tries == row.free {
						return false, row.err
					}
					return true, nil
				})
				if !errors.Is(err, row.want) || tries != row.tries || time.Since(start) != row.took {
					t.Errorf("%v after %d tries and %v; want %v, %d, %v", err, tries, time.Since(start), row.want, row.tries, row.took)
				}
			})
		})
	}
}

func TestBatchesAreWaryForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w wary
		w.note(0)
		if w.now() {
			t.Error("nobody held anything")
		}
		w.note(1)
		time.Sleep(time.Second)
		if !w.now() {
			t.Error("who was told a second ago will ask again")
		}
		w.note(0)
		time.Sleep(time.Second)
		if w.now() {
			t.Error("that was two seconds ago")
		}
	})
}
