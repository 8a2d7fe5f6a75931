package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// A row may be held by a transaction of somebody else's for as long as that likes: one
// whose commit waits for a replica, one that an operator left open. Nobody waits for it
// on a connection, since others would wait behind: a batch leaves out whom it finds
// held, and these ask again, each for itself, among the next batches.

const (
	// heldTries is how often they ask, and heldPause how long they wait before the
	// second time; before each other time twice as long. It is 1.3 s in all.
	heldTries = 9
	heldPause = 5 * time.Millisecond
)

// errHeld is how that ends.
var errHeld = errors.New("another transaction holds the session's row: end it if it was left open; a commit may be waiting for a replica that is away")

// unlessHeld calls try, which says whether it was held up and therefore did nothing,
// until it was not.
func unlessHeld(ctx context.Context, try func() (held bool, err error)) error {
	pause := heldPause
	for range heldTries - 1 {
		if held, err := try(); err != nil || !held {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause *= 2
	}
	held, err := try()
	if err == nil && held {
		err = fmt.Errorf("%w: %w", ErrUnavailable, errHeld)
	}
	return err
}

// state is what decides whether a rotation may be.
type state struct {
	session    session.ID
	generation uint64
}

func scanState(r row) (s state, err error) {
	return s, r.Scan((*id)(&s.session), (*counter)(&s.generation))
}

// live finds those of some sessions that have not ended, locked or not.
func (d *dialect) live(rotations []rotation) (string, []any) {
	ids := make([]session.ID, len(rotations))
	for i := range rotations {
		ids[i] = rotations[i].session
	}
	among, args := d.among(flat(ids))
	return `SELECT id, generation FROM watchword_sessions` + d.byKey + ` WHERE ` + among + ` AND revoked_at IS NULL`, args
}

// findHeld completes what became of a round's rotations: those not among the outcomes met
// a row that somebody else holds, unless they have lost whatever becomes of that row. It
// returns how many are held.
func (db *DB) findHeld(ctx context.Context, on *pool, round []rotation, outcomes map[session.ID]advanced) int {
	var missed []rotation
	for _, r := range round {
		if _, known := outcomes[r.session]; !known {
			missed = append(missed, r)
		}
	}
	if len(missed) == 0 {
		return 0
	}
	query, args := db.dialect.live(missed)
	states, err := all(ctx, db, on, scanState, query, args...)
	generations := make(map[session.ID]uint64, len(states))
	for _, s := range states {
		generations[s.session] = s.generation
	}
	held := 0
	for _, r := range missed {
		generation, live := generations[r.session]
		// What the others won is written: an error concerns those alone who were missed.
		// They ask again, and meet it themselves if it lasts.
		if err != nil || live && generation == r.from {
			outcomes[r.session] = advanced{held: true}
			held++
		}
	}
	return held
}

// wary is until when rows that somebody holds are to be expected, in ns.
type wary struct{ until atomic.Int64 }

// now reports whether they are.
func (w *wary) now() bool { return time.Now().UnixNano() < w.until.Load() }

// note says that so many were met. Where there was one, somebody will soon ask for it again.
func (w *wary) note(held int) {
	if held > 0 {
		w.until.Store(time.Now().Add(2 * time.Second).UnixNano())
	}
}
