package ledger

import (
	"context"
	"errors"

	"github.com/watchwordauth/watchword/session"
)

// Writable reports whether both stores take writes, as far as they tell: a rotation needs
// the fast one, all else the durable one too.
func (s *sessions) Writable(ctx context.Context) error {
	var errs []error
	for _, store := range []session.Store{s.durable, s.fast} {
		if store, tells := store.(interface{ Writable(context.Context) error }); tells {
			errs = append(errs, store.Writable(ctx))
		}
	}
	return errors.Join(errs...)
}
