package batch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/internal/batch"
)

func TestSizesTellHowWellCallsGather(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(time.Minute, func(_ context.Context, questions []int) ([]int, error) {
			time.Sleep(time.Second)
			return questions, nil
		})
		var callers sync.WaitGroup
		ask := func() { _, _ = g.Do(t.Context(), 1) }
		callers.Go(ask)
		synctest.Wait() // a batch of one is under way
		for range 5 {
			callers.Go(ask) // and these form the next
		}
		callers.Wait()

		got := g.Sizes()
		if got.Calls != 6 || got.Batches[0] != 1 || got.Batches[3] != 1 {
			t.Errorf("of 6 calls, one alone and five together, it tells %+v", got)
		}
		got.Add(g.Sizes())
		if got.Calls != 12 || got.Batches[3] != 2 {
			t.Errorf("twice that is %+v", got)
		}
	})
}
