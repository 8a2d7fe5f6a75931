package password

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	cheap    = Cost{Memory: 64, Passes: 1, Lanes: 1}
	twoAtOne = Config{Cost: cheap, Parallel: 2, Queue: 5}
)

// fill takes all slots, as hashes under way do, until the function it returns is called.
func fill(h *Hasher) (empty func()) {
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	return func() {
		for range cap(h.slots) {
			<-h.slots
		}
	}
}

func TestNoMoreHashesThanSlotsAreComputedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Parallel: 2, Queue: 100})
		var now, most atomic.Int64
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				_, err := h.run(t.Context(), 0, func() {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					time.Sleep(time.Millisecond) // the synthetic clock's
					now.Add(-1)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 2 || h.Runs() != 64 || h.Waiting() != 0 {
			t.Errorf("%d at once, %d in all, %d still waiting; want 2, 64, 0", most.Load(), h.Runs(), h.Waiting())
		}
	})
}

func TestOfTheCostlyThereIsOneAtATimeAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Parallel: 3})
		var costly, most atomic.Int64
		var all sync.WaitGroup
		began := time.Now()
		for range 4 {
			all.Go(func() {
				h.run(t.Context(), largeMemory+1, func() {
					most.Store(max(most.Load(), costly.Add(1)))
					time.Sleep(time.Second)
					costly.Add(-1)
				})
			})
		}
		synctest.Wait()
		if _, err := h.Hash(t.Context(), "correct horse"); err != nil || time.Since(began) > 0 {
			t.Errorf("an ordinary hash had to wait %v (%v)", time.Since(began), err)
		}
		all.Wait()
		if most.Load() != 1 {
			t.Errorf("%d costly hashes at once, want 1", most.Load())
		}
	})
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(twoAtOne)
		empty := fill(h)
		var all sync.WaitGroup
		var made atomic.Int64
		for range 5 {
			all.Go(func() {
				if _, err := h.Hash(t.Context(), "correct horse"); err == nil {
					made.Add(1)
				}
			})
		}
		synctest.Wait()
		if h.Waiting() != 5 {
			t.Errorf("%d wait, want 5", h.Waiting())
		}
		began := time.Now()
		if _, err := h.Hash(t.Context(), "correct horse"); !errors.Is(err, ErrBusy) {
			t.Errorf("the sixth got %v, want ErrBusy", err)
		}
		if _, _, err := h.Check(t.Context(), (argon2Hash{id: true, cost: cheap, salt: make([]byte, 16), tag: make([]byte, 32)}).String(), "x"); !errors.Is(err, ErrBusy) {
			t.Errorf("a check got %v, want ErrBusy", err)
		}
		if err := h.Dummy(t.Context(), "correct horse"); !errors.Is(err, ErrBusy) {
			t.Errorf("a check for nobody got %v, want ErrBusy", err)
		}
		if time.Since(began) > 0 {
			t.Errorf("to be refused took %v", time.Since(began))
		}
		empty()
		all.Wait()
		if made.Load() != 5 {
			t.Errorf("%d of those who waited got a hash, want 5", made.Load())
		}
	})
}

func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		patient time.Duration // the caller
		waited  time.Duration
		err     error
	}{
		{"by the hasher", time.Hour, 10 * time.Second, ErrBusy},
		{"by the caller", time.Second, time.Second, context.DeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := New(twoAtOne)
				defer fill(h)()
				ctx, cancel := context.WithTimeout(t.Context(), row.patient)
				defer cancel()
				began := time.Now()
				_, err := h.Hash(ctx, "correct horse")
				if !errors.Is(err, row.err) || time.Since(began) != row.waited {
					t.Errorf("after %v: %v; want %v after %v", time.Since(began), err, row.err, row.waited)
				}
				if h.Waiting() != 0 {
					t.Errorf("%d still wait", h.Waiting())
				}
			})
		})
	}
}

func TestWhoHungUpGetsNoHash(t *testing.T) {
	t.Parallel()
	h := New(twoAtOne)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "correct horse"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if h.Runs() != 0 {
		t.Errorf("%d hashes were computed for nobody", h.Runs())
	}
}

// A system's bcrypt hashes take longer than ours. As long as users sign in with
// them, no refusal may tell by its time who has one, or who exists.
func TestRefusalsTakeAsLongAsTheSlowestKindOfHash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Cost: cheap})
		ours, err := h.Hash(t.Context(), "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		const theirs = "$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW"
		refusals := map[string]func(){
			"nobody":         func() { h.Dummy(t.Context(), "wrong") },
			"ours, wrong":    func() { h.Check(t.Context(), ours, "wrong") },
			"theirs, wrong":  func() { h.Check(t.Context(), theirs, "wrong") },
			"long, nobody":   func() { h.Dummy(t.Context(), string(make([]byte, 4096))) },
			"theirs, no NUL": func() { h.Check(t.Context(), theirs, "correct horse\x00") },
		}
		took := func(act func()) time.Duration {
			began := time.Now()
			act()
			return time.Since(began)
		}
		// The synthetic clock stands still while hashes are computed, so that what
		// it shows is the waiting alone.
		for name, refuse := range refusals {
			if got := took(refuse); got != 0 {
				t.Errorf("%s: a refusal took %v before anything slow was about", name, got)
			}
		}
		slow := time.Now()
		h.pace.note(slow.Add(-250*time.Millisecond), slow)
		h.pace.note(slow.Add(-100*time.Millisecond), slow)
		for name, refuse := range refusals {
			if got := took(refuse); got != 250*time.Millisecond {
				t.Errorf("%s: a refusal took %v, want 250ms", name, got)
			}
		}
		if got := took(func() { h.Check(t.Context(), ours, "correct horse") }); got != 0 {
			t.Errorf("a right password took %v", got)
		}
		hurried, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if got := took(func() { h.Dummy(hurried, "wrong") }); got != 10*time.Millisecond {
			t.Errorf("a refusal went on for %v after the caller gave up", got)
		}

		time.Sleep(paceWindow)
		if got := took(refusals["nobody"]); got != 250*time.Millisecond {
			t.Errorf("an hour later a refusal took %v, want 250ms", got)
		}
		time.Sleep(2 * paceWindow)
		if got := took(refusals["nobody"]); got != 0 {
			t.Errorf("hours after the last slow hash a refusal took %v", got)
		}
		long := time.Now()
		h.pace.note(long.Add(-time.Minute), long)
		if got := took(refusals["nobody"]); got != longestPace {
			t.Errorf("after a minute's hash a refusal took %v, want %v", got, longestPace)
		}
	})
}

// A check of a hash that is not of the usual kind is what sets the pace.
func TestOnlyUnusualHashesSetThePace(t *testing.T) {
	t.Parallel()
	h := New(Config{Cost: cheap})
	ours, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	h.Check(t.Context(), ours, "correct horse")
	h.Check(t.Context(), ours, "wrong")
	h.Dummy(t.Context(), "wrong")
	if h.pace.present != 0 {
		t.Errorf("our own hashes set a pace of %v", h.pace.present)
	}
	h.Check(t.Context(), "$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW", "correct horse")
	if h.pace.present <= 0 {
		t.Error("a bcrypt hash set no pace")
	}
}
