package sqlstore

import "context"

// gate lets one writer in at a time, in the order of arrival. A nil gate is
// always open: for databases that order writers themselves.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter waits until the caller is alone, or the context ends.
func (g gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil || g == nil {
		return err
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enterNow enters if nobody is within and nobody waits, and reports whether it did.
func (g gate) enterNow() bool {
	if g == nil {
		return true
	}
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave lets the next one in.
func (g gate) leave() {
	if g != nil {
		<-g
	}
}
