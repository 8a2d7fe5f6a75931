package watchword

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/store"
)

// writable is a store that tells whether it takes writes. Those that read on while
// their disk is full should be one.
type writable interface {
	Writable(ctx context.Context) error
}

// writables are the stores of a set that tell.
func writables(set store.Set) (some []writable) {
	for _, one := range []any{set.Users, set.Sessions} {
		if w, ok := one.(writable); ok {
			some = append(some, w)
		}
	}
	return some
}

// writableFor is how long it is believed that a store takes writes: whoever asks
// whether the server is ready must not make it write without end.
const writableFor = time.Second

// writing checks that the stores take writes.
func writing(stores []writable, now func() time.Time) func(context.Context) error {
	var last atomic.Int64 // when they did, in ns
	return func(ctx context.Context) error {
		asked := now()
		if age := asked.Sub(time.Unix(0, last.Load())); age >= 0 && age < writableFor {
			return nil
		}
		var errs []error
		for _, w := range stores {
			errs = append(errs, w.Writable(ctx))
		}
		err := errors.Join(errs...)
		if err == nil {
			last.Store(asked.UnixNano())
		}
		return err
	}
}
