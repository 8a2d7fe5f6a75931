package sqlstore

import (
	"context"

	"github.com/watchwordauth/watchword/session"
)

// TakeTogether writes the next register of each session, all in one batch, and says who
// won and who met a row that somebody else holds.
func TakeTogether(ctx context.Context, store session.Store, all []session.Session, next func(session.Register) session.Register) (won, held []bool, err error) {
	s := store.(sessions)
	var rotations []rotation
	for _, one := range all {
		rotations = append(rotations, rotation{one.ID, one.Generation, next(one.Register)})
	}
	take := s.advanceAll
	if len(rotations) > 0 && rotations[0].next.Generation == rotations[0].from {
		take = s.prolongAll
	}
	outcomes, err := take(ctx, rotations)
	for _, outcome := range outcomes {
		won, held = append(won, outcome.won), append(held, outcome.held)
	}
	return won, held, err
}

// AsOnAnOldServer has a database do without what MySQL has learnt since 5.7, and MariaDB since 10.5.
func AsOnAnOldServer(db *DB) {
	old := *db.dialect
	old.skipLocked = ""
	db.dialect = &old
}

// HasMetHeld reports whether batches have been told that somebody holds rows.
func HasMetHeld(db *DB) bool { return db.wary.until.Load() > 0 }

// LockTimeouts is how long the connections that were used last wait for a lock.
func LockTimeouts(ctx context.Context, db *DB) ([]string, error) {
	var timeouts []string
	for _, p := range []*pool{db.durable, db.relaxed} {
		one, err := all(ctx, db, p, scanned[string], `SHOW lock_timeout`)
		if err != nil {
			return nil, err
		}
		timeouts = append(timeouts, one...)
	}
	return timeouts, nil
}
