package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// Options are what an operator may choose. The zero value is good.
type Options struct {
	Logger *slog.Logger // default: slog.Default

	// DurableRotations has Advance, too, on the disk before it returns. It is for
	// a session.Policy whose MinAge is below session.SyncWithin: there a crash of
	// the machine could lose more than one rotation of a session.
	DurableRotations bool
}

// DB is an open database with Watchword's tables. It is safe for concurrent use.
type DB struct {
	dialect *dialect
	name    string // in errors

	reading *pool // for what changes nothing
	durable *pool // commits are on the disk before they return
	relaxed *pool // commits are on the disk within session.SyncWithin

	durableRotations bool // Options.DurableRotations: relaxed is durable, too

	gate   gate
	keeper *keeper // nil: the database looks after itself
	closed *atomic.Bool

	wary    wary
	contact *contact // nil: the database is in this process
	logger  *slog.Logger

	sessions *batch.Gatherer[session.ID, found[session.Session]]
	users    *batch.Gatherer[account.ID, found[account.User]]
	advances []*batch.Gatherer[rotation, advanced] // a session's are in one of them
	prolongs []*batch.Gatherer[rotation, advanced] // likewise, where the generation is kept
	steps    *batch.Gatherer[step, stepped]        // in this process
	pairs    *batch.Gatherer[session.ID, *pair]    // elsewhere
	writes   *batch.Gatherer[write, written]       // nil: the database gathers commits itself
}

const (
	// patience is how long a write waits for other processes.
	patience = 5 * time.Second
	// batchLimit is how long a batch may take before its callers are told that
	// the database is unavailable.
	batchLimit = patience + 5*time.Second
)

// found is what a batched look-up answers for one id.
type found[T any] struct {
	value T
	known bool
}

// Set is the four stores in this database.
func (db *DB) Set() store.Set {
	return store.Set{Users: users{db}, Sessions: sessions{db}, Keys: keys{db}, Events: events{db}}
}

// Close ends the background work, brings everything to the disk and closes the
// connections. What is asked of the stores afterwards fails.
func (db *DB) Close() error {
	db.closed.Store(true)
	var errs []error
	if db.keeper != nil {
		errs = append(errs, db.keeper.close())
	}
	for _, p := range []*pool{db.reading, db.relaxed, db.durable} {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// gather sets up what answers many concurrent calls at once.
func (db *DB) gather(shards int) {
	if db.dialect.embedded {
		db.writes = batch.New(batchLimit, db.writeAll)
		db.steps = batch.New(batchLimit, sessions{db}.stepAll)
	} else {
		db.pairs = batch.New(batchLimit, sessions{db}.findPairs)
	}
	db.sessions = batch.New(batchLimit, sessions{db}.findAll)
	db.users = batch.New(batchLimit, users{db}.findAll)
	for range shards {
		db.advances = append(db.advances, batch.New(batchLimit, sessions{db}.advanceAll))
		db.prolongs = append(db.prolongs, batch.New(batchLimit, sessions{db}.prolongAll))
	}
}

// Batches is how many look-ups and rotations of sessions shared a round trip, by
// verb of the store.
func (s sessions) Batches() map[string]batch.Sizes {
	var advances batch.Sizes
	for _, shard := range slices.Concat(s.advances, s.prolongs) {
		advances.Add(shard.Sizes())
	}
	sizes := map[string]batch.Sizes{"find": s.sessions.Sizes(), "advance": advances}
	if s.dialect.embedded {
		sizes["step"] = s.steps.Sizes()
	} else {
		sizes["step"] = s.pairs.Sizes()
	}
	return sizes
}

// Batches is how many look-ups of users shared a round trip.
func (u users) Batches() map[string]batch.Sizes {
	return map[string]batch.Sizes{"find": u.users.Sizes()}
}

// querier is what can be asked: a pool, a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// all executes a query and reads its rows to the end, which is what finishes a
// statement in SQLite.
func all[T any](ctx context.Context, db *DB, q querier, scan func(row) (T, error), statement string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, db.dialect.sql(statement), args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scan)
}

// row is what can be scanned.
type row interface{ Scan(targets ...any) error }

func collect[T any](rows *sql.Rows, scan func(row) (T, error)) ([]T, error) {
	defer rows.Close()
	var values []T
	for rows.Next() {
		value, err := scan(rows)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	return values, nil
}

// scanned is a scan function for rows of one column.
func scanned[T any](r row) (value T, err error) { return value, r.Scan(&value) }

// flat makes 16-byte identifiers of one kind into identifiers.
func flat[T ~[16]byte](ids []T) [][16]byte {
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	return raw
}
