package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// ErrUnavailable is wrapped by errors that say nothing about what was asked, only
// that the database could not be used: it is unreachable, full, or too slow.
// Whether a change happened is not known. Trying again later may help. An HTTP
// layer answers 503.
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

// errEmptied is told until the program is started again, which makes the collections:
// those that MongoDB makes by itself lack the indexes that keep names unique.
var errEmptied = errors.New("MongoDB: the collections are gone: restore a backup, or start again with an empty database")

// ErrAddress is wrapped by the error for an address that cannot be used.
var ErrAddress = errors.New("the address of the MongoDB database is not complete")

// The server's numbers of errors that pass, by what they mean.
var passing = []int{
	6, 7, 89, 9001, // the network
	50, 262, // the time was not enough
	64, 79, 100, // not enough members took the write
	91, 11600, 11602, 189, 10107, 13435, 13436, 10058, // another is the primary, or will be
	46, 112, 24, // locked
	133, 134, 202, 290, 462, // nothing to read from, or overloaded
	14031, // the disk is full
}

// advice says how to mend what the server complains of, "" if nobody knows.
func advice(err error) string {
	server, ok := errors.AsType[mongo.ServerError](err)
	if !ok {
		return ""
	}
	switch {
	case server.HasErrorCode(18):
		return "look at the user and the password, and name the database that knows the user with authSource=admin"
	case server.HasErrorCode(13):
		return "grant this user readWrite on the database"
	case server.HasErrorCode(14031):
		return "the disk is full: free some space"
	}
	return ""
}

// unavailable reports whether trying again later may help.
func unavailable(err error) bool {
	if server, ok := errors.AsType[mongo.ServerError](err); ok {
		if slices.ContainsFunc(passing, server.HasErrorCode) ||
			server.HasErrorLabel("RetryableWriteError") || server.HasErrorLabel("NetworkError") || server.HasErrorLabel("SystemOverloadedError") {
			return true
		}
	}
	if _, ok := errors.AsType[awayError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return advice(err) == "" // a server that is there and refuses us is not away
	}
	// Nothing was asked: who waited for a connection when another one broke.
	if pool, ok := errors.AsType[retryable](err); ok && pool.Retryable() {
		return true
	}
	return mongo.IsTimeout(err) || mongo.IsNetworkError(err) || errors.Is(err, mongo.ErrClientDisconnected)
}

// retryable is an error of the driver's pool of connections.
type retryable interface {
	error
	driver.RetryablePoolError
}

// fault is an error of the driver as callers see it: the one place where such
// errors are translated. If the caller's context has ended, that is the error.
func (db *DB) fault(ctx context.Context, err error) error {
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded // a network's timer may fire before the context's
	} else if ok && time.Until(deadline) < time.Second && errors.Is(err, driver.ErrDeadlineWouldBeExceeded) {
		ended = context.DeadlineExceeded // the driver does not ask what cannot be answered by then
	}
	switch {
	case err == nil:
		return nil
	case ended != nil:
		return ended
	case db.closed.Load():
		return fmt.Errorf("%w: MongoDB is closed: %v", ErrUnavailable, err)
	case unavailable(err):
		// Not wrapped: the driver's own time limit is not the caller's context.
		if advice := advice(err); advice != "" {
			return fmt.Errorf("%w: MongoDB: %v: %s", ErrUnavailable, err, advice)
		}
		return fmt.Errorf("%w: MongoDB: %v", ErrUnavailable, err)
	}
	if advice := advice(err); advice != "" {
		return fmt.Errorf("MongoDB: %w; %s", err, advice)
	}
	return fmt.Errorf("MongoDB: %w", err)
}
