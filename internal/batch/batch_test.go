package batch_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/internal/batch"
)

// doubling answers each question with its double, and remembers the batches.
type doubling struct {
	mu      sync.Mutex
	batches [][]int
	takes   time.Duration
}

func (d *doubling) run(ctx context.Context, questions []int) ([]int, error) {
	d.mu.Lock()
	d.batches = append(d.batches, slices.Sorted(slices.Values(questions)))
	d.mu.Unlock()
	time.Sleep(d.takes) // within a synctest bubble: how long a batch lasts
	answers := make([]int, len(questions))
	for i, q := range questions {
		answers[i] = 2 * q
	}
	return answers, ctx.Err()
}

func TestEachCallerGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	g := batch.New(time.Minute, (&doubling{}).run)
	var group sync.WaitGroup
	for i := range 2000 {
		group.Go(func() {
			for range 3 {
				if got, err := g.Do(t.Context(), i); err != nil || got != 2*i {
					t.Errorf("Do(%d) = %d, %v; want %d", i, got, err, 2*i)
				}
			}
		})
	}
	group.Wait()
}

func TestCallsThatArriveDuringABatchFormTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &doubling{takes: time.Second}
		g := batch.New(time.Minute, d.run)
		ask := func(q int) { go g.Do(t.Context(), q) }

		ask(1)
		synctest.Wait() // the first runs, alone, at once
		for _, q := range []int{2, 3, 4} {
			ask(q)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		ask(5)
		time.Sleep(2 * time.Second)
		synctest.Wait()

		want := [][]int{{1}, {2, 3, 4}, {5}}
		if diff := cmp.Diff(want, d.batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestABatchHoldsAtMostMax(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &doubling{takes: time.Second}
		g := batch.New(time.Minute, d.run)
		go g.Do(t.Context(), 0)
		synctest.Wait()
		for q := range batch.Max + 1 {
			go g.Do(t.Context(), q)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		var sizes []int
		for _, questions := range d.batches {
			sizes = append(sizes, len(questions))
		}
		if diff := cmp.Diff([]int{1, batch.Max, 1}, sizes); diff != "" {
			t.Errorf("sizes (-want +got):\n%s", diff)
		}
	})
}

func TestACallerWhoseContextEndsLeavesAndTheBatchGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &doubling{takes: time.Second}
		g := batch.New(time.Minute, d.run)

		type outcome struct {
			answer int
			err    error
			after  time.Duration
		}
		start := time.Now()
		outcomes := make([]outcome, 3)
		var group sync.WaitGroup
		ask := func(i int, ctx context.Context) {
			group.Go(func() {
				answer, err := g.Do(ctx, i)
				outcomes[i] = outcome{answer, err, time.Since(start)}
			})
			synctest.Wait()
		}
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ask(0, impatient)   // in the running batch, which it started
		ask(1, t.Context()) // in the next
		ask(2, impatient)   // in the next, too
		group.Wait()

		want := []outcome{
			{err: context.DeadlineExceeded, after: 100 * time.Millisecond},
			{answer: 2, after: 2 * time.Second},
			{err: context.DeadlineExceeded, after: 100 * time.Millisecond},
		}
		for i := range want {
			if !errors.Is(outcomes[i].err, want[i].err) || outcomes[i].answer != want[i].answer || outcomes[i].after != want[i].after {
				t.Errorf("caller %d: %+v, want %+v", i, outcomes[i], want[i])
			}
		}
		if diff := cmp.Diff([][]int{{0}, {1, 2}}, d.batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestACallerWhoseContextHasEndedAsksNothing(t *testing.T) {
	t.Parallel()
	d := &doubling{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := batch.New(time.Minute, d.run).Do(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want %v", err, context.Canceled)
	}
	if len(d.batches) != 0 {
		t.Errorf("it ran %v", d.batches)
	}
}

func TestABatchHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(time.Second, func(ctx context.Context, _ []int) ([]int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		if _, err := g.Do(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do = %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAFailedBatchFailsAllItsCallersAndNoOthers(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		fail func() ([]int, error)
		want error
	}{
		"an error":           {func() ([]int, error) { return nil, broken }, broken},
		"too few answers":    {func() ([]int, error) { return []int{1}, nil }, batch.ErrAnswers},
		"too many answers":   {func() ([]int, error) { return make([]int, 9), nil }, batch.ErrAnswers},
		"a panic":            {func() ([]int, error) { panic("oh") }, batch.ErrPanic},
		"an ended goroutine": {func() ([]int, error) { runtime.Goexit(); return nil, nil }, batch.ErrPanic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := batch.New(time.Minute, func(_ context.Context, questions []int) ([]int, error) {
					time.Sleep(time.Second)
					if len(questions) == 2 {
						return row.fail()
					}
					return questions, nil
				})
				errs := make([]error, 4)
				var group sync.WaitGroup
				ask := func(i int) {
					group.Go(func() { _, errs[i] = g.Do(t.Context(), i) })
				}
				ask(0)
				synctest.Wait()
				ask(1)
				ask(2)
				time.Sleep(1500 * time.Millisecond)
				ask(3) // while the one that fails runs
				group.Wait()
				for i, want := range []error{nil, row.want, row.want, nil} {
					if !errors.Is(errs[i], want) {
						t.Errorf("caller %d: %v, want %v", i, errs[i], want)
					}
				}
				if _, err := g.Do(t.Context(), 4); err != nil {
					t.Errorf("later: %v", err)
				}
			})
		})
	}
}

func TestNoGoroutineRemains(t *testing.T) {
	t.Parallel()
	// A bubble that ends with a goroutine in it fails.
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(time.Minute, (&doubling{takes: time.Second}).run)
		for q := range 10 {
			go g.Do(t.Context(), q)
		}
	})
}
