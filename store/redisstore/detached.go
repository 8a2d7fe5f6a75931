package redisstore

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// detached calls do beside its caller, who may leave when the context ends; do goes on,
// for as long as a call may take. The client connects with the context of whoever needs
// a connection first, and gives what becomes of that to all who wait for it: with the
// callers' own contexts one who leaves would fail the others.
func detached[T any](ctx context.Context, s *Store, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		value, err := do(ctx)
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// retryDelay is how long the client waits before it reads again after a failure of the
// network, which a connection that was idle for long brings about: a quarter of a
// second in all. What changes anything is never sent twice.
func retryDelay(attempts int, _ rueidis.Completed, _ error) time.Duration {
	if attempts > 8 {
		return -1
	}
	return time.Millisecond << attempts >> 1
}
