package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrUnavailable is wrapped by errors that say nothing about what was asked, only
// that the database could not be used: it is locked, unreachable, full, or too
// slow. Trying again later may help. An HTTP layer answers 503.
var ErrUnavailable error = unavailableError{}

// unavailableError says so to callers that do not import this package: they ask
// with errors.As for interface{ Unavailable() bool }.
type unavailableError struct{}

// Error implements error.
func (unavailableError) Error() string { return "the database is unavailable" }

// Unavailable reports that trying again later may help.
func (unavailableError) Unavailable() bool { return true }

// ErrNewer is returned on opening a database that a newer program has migrated.
var ErrNewer = errors.New("the database belongs to a newer version")

// fault is an error of the driver as callers see it: the one place where such
// errors are translated. If the caller's context has ended, that is the error.
func (db *DB) fault(ctx context.Context, err error) error {
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded // a network's timer may fire before the context's
	}
	switch {
	case err == nil:
		db.contact.answer()
	case ended == context.DeadlineExceeded, errors.Is(err, context.DeadlineExceeded):
		db.renew()
	}
	switch {
	case err == nil:
		return nil
	case ended != nil:
		return ended
	case db.closed.Load():
		return fmt.Errorf("%w: %s is closed: %w", ErrUnavailable, db.name, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// It was not the caller's context but the limit of a batch.
		return fmt.Errorf("%w: %s: %v", ErrUnavailable, db.name, err)
	case db.dialect.again(err), db.dialect.unavailable(err):
		if advice := db.dialect.advice(err); advice != "" {
			return fmt.Errorf("%w: %s: %w: %s", ErrUnavailable, db.name, err, advice)
		}
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, db.name, err)
	}
	return fmt.Errorf("%s: %w", db.name, err)
}
