package metric_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

func (s *slow) Find(ctx context.Context, id session.ID) (session.Session, error) {
	time.Sleep(s.takes)
	return s.Store.Find(ctx, id)
}

func (s *slow) Count(ctx context.Context, _ time.Time) (int, error) {
	s.counts++
	select {
	case <-time.After(s.takes):
		return s.counts, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// census counts sessions, which takes so long.
func census(takes time.Duration) (*metric.Census, *slow) {
	set := memory.New()
	slowly := &slow{Store: set.Sessions, takes: takes}
	set.Sessions = slowly
	return metric.New(start, queue{}, set).NewCensus(time.Now), slowly
}

func TestACheapCountIsOfNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := census(time.Millisecond)
		for want := 1; want <= 3; want++ {
			if got, err := c.Take(t.Context()); err != nil || got.Sessions != want {
				t.Fatalf("got %+v, %v, want %d sessions", got, err, want)
			}
		}
	})
}

func TestACostlyCountIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, slowly := census(2 * time.Second)
		var askers sync.WaitGroup
		for range 50 {
			askers.Go(func() { _, _ = c.Take(t.Context()) })
		}
		askers.Wait()
		if slowly.counts != 1 {
			t.Errorf("50 who asked at once made the store count %d times", slowly.counts)
		}
		for range 100 {
			time.Sleep(10 * time.Second)
			_, _ = c.Take(t.Context())
		}
		if slowly.counts < 5 || slowly.counts > 11 {
			t.Errorf("in 1000 seconds the store counted %d times for two seconds each", slowly.counts)
		}
	})
}

func TestWhoAsksDuringALongCountIsToldTheLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, slowly := census(time.Millisecond)
		if _, err := c.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
		slowly.takes = time.Minute
		go func() { _, _ = c.Take(context.Background()) }()
		synctest.Wait()
		began := time.Now()
		got, err := c.Take(t.Context())
		if err != nil || got.Sessions != 1 || time.Since(began) != 0 {
			t.Errorf("got %+v, %v after %v", got, err, time.Since(began))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := c.Last(); got.Sessions != 2 {
			t.Errorf("after it there are %+v", got)
		}
	})
}

func TestAnAskerWhoLeavesWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := census(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { _, _ = c.Take(context.Background()) }()
		synctest.Wait()
		if _, err := c.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
	})
}
