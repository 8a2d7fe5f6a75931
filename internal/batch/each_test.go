package batch_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/internal/batch"
)

func TestEachAsksAFewAtOnceAndAnswersInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		questions := make([]int, 3*batch.EachAtOnce)
		for i := range questions {
			questions[i] = i
		}
		began := time.Now()
		answers, err := batch.Each(questions, func(n int) (int, error) {
			time.Sleep(time.Second)
			return n * n, nil
		})
		if took := time.Since(began); err != nil || took != 3*time.Second {
			t.Errorf("three times as many as go at once took %v, %v", took, err)
		}
		for i, answer := range answers {
			if answer != i*i {
				t.Fatalf("question %d is answered by %d", i, answer)
			}
		}
	})
}

func TestEachFailsWhenAllHaveEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrong := errors.New("wrong")
		var ended atomic.Int64
		answers, err := batch.Each([]int{0, 1, 2}, func(n int) (int, error) {
			time.Sleep(time.Duration(n) * time.Second)
			ended.Add(1)
			if n == 1 {
				return 0, wrong
			}
			return n, nil
		})
		if !errors.Is(err, wrong) || answers != nil || ended.Load() != 3 {
			t.Errorf("%v, %v after %d of 3", answers, err, ended.Load())
		}
	})
}
