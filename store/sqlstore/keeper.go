package sqlstore

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/session"
)

const (
	// syncAfter is how long after a rotation a durable commit follows. What is
	// left of session.SyncWithin is for a disk that is busy.
	syncAfter = session.SyncWithin / 2

	// tidyLog is the size from which on the log is copied into the database when
	// the keeper comes by, so that it is short when it must be read: at a start.
	tidyLog = 1 << 20

	// largeLog is the size at which the keeper comes at once.
	largeLog = 48 << 20

	// rounds is how often the log is copied before it is emptied, which holds everybody
	// up: under a full load for 65 to 250 ms after two of them, 50 to 150 after five.
	rounds = 5
)

// keeper looks after a SQLite file in the background.
//
// It makes rotations durable: within syncAfter of one there is a durable commit.
// And it copies the log into the database file, which otherwise whoever commits
// at the wrong moment would have to do (20 ms and more). Under a constant load
// the log would never be reset by that, since there is always somebody who reads
// its end; so when it is large, and copied but for the rest, the keeper takes
// the gate for the moment that it takes to copy this rest and to empty it.
//
// It sleeps while nobody writes.
type keeper struct {
	db      *DB
	keeping *pool
	log     string
	limit   int64 // of the log, in bytes

	owing atomic.Bool   // there may be a rotation that is not on the disk
	stuck atomic.Bool   // somebody reads an old state: emptying the log would fail
	wrote chan struct{} // holds a token if something was written since the keeper looked
	large chan struct{} // holds a token if the log has become large

	stop    context.CancelFunc
	stopped chan struct{}
}

func newKeeper(db *DB, keeping *pool, log string) *keeper {
	ctx, stop := context.WithCancel(context.Background())
	k := &keeper{
		db: db, keeping: keeping, log: log, limit: largeLog,
		wrote: make(chan struct{}, 1), large: make(chan struct{}, 1),
		stop: stop, stopped: make(chan struct{}),
	}
	go k.run(ctx)
	return k
}

// owe says that a rotation is about to be written.
func (k *keeper) owe() { k.owing.Store(true) }

// written says that something was committed. It is called within the gate.
func (k *keeper) written() {
	signal(k.wrote)
	if !k.stuck.Load() && logSize(k.log) > k.limit {
		signal(k.large)
	}
}

// signal puts a token where there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (k *keeper) run(ctx context.Context) {
	defer close(k.stopped)
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wrote:
		}
		timer := time.NewTimer(syncAfter)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-k.large:
			timer.Stop()
		case <-timer.C:
			k.stuck.Store(false)
		}
		if err := k.tend(context.WithoutCancel(ctx)); err != nil {
			k.db.logger.Error("looking after the database failed; it is tried again", "err", k.db.fault(ctx, err))
			signal(k.wrote)
		}
	}
}

// tend does what is due. It syncs before it copies, and after: copying may take
// its time on a slow disk, while rotations go on.
func (k *keeper) tend(ctx context.Context) error {
	errs := []error{k.sync(ctx)}
	size := logSize(k.log)
	switch {
	case size > k.limit:
		errs = append(errs, k.copy(ctx, rounds), k.empty(ctx))
	case size > tidyLog:
		errs = append(errs, k.copy(ctx, 1))
	}
	return errors.Join(append(errs, k.sync(ctx))...)
}

// copy copies the log into the database. Each round copies what was written during the
// one before, which is less and less.
func (k *keeper) copy(ctx context.Context, rounds int) error {
	for range rounds {
		if _, err := checkpoint(ctx, k.keeping, "passive"); err != nil {
			return err
		}
	}
	return nil
}

// sync pays what is owed. Most of it outside the gate: a durable commit brings the
// whole log to the disk, and everybody would wait for seconds' worth of rotations.
func (k *keeper) sync(ctx context.Context) error {
	if !k.owing.Swap(false) {
		return nil
	}
	err := syncFile(k.log) // nobody holds a lock on the log, which closing it would drop
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = k.db.syncSQLite(ctx)
	}
	if err != nil {
		k.owing.Store(true)
	}
	return err
}

// empty copies the rest of the log and empties it while nobody writes.
func (k *keeper) empty(ctx context.Context) error {
	if err := k.db.gate.enter(ctx); err != nil {
		return err
	}
	defer k.db.gate.leave()
	done, err := checkpoint(ctx, k.keeping, "truncate")
	if !done {
		k.stuck.Store(true)
	}
	return err
}

// close ends the background work, after bringing everything to the disk.
func (k *keeper) close() error {
	k.stop()
	<-k.stopped
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := k.sync(ctx)
	// The last connection to the file copies the log when it is closed.
	return errors.Join(k.db.fault(ctx, err), k.keeping.Close())
}
