package recovery

import (
	"context"
	"sync"
)

// abreast does something for each item, many at a time, since stores gather concurrent
// commits. It returns the first error, after which it begins nothing more.
func abreast[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	places := make(chan struct{}, 64)
	for _, item := range items {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			defer func() { <-places }()
			if err := do(ctx, item); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}
