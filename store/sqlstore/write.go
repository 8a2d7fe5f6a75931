package sqlstore

import (
	"context"
	"database/sql"
	"time"
)

// exec executes one statement that changes something, durably, and returns how
// many rows it changed.
func (db *DB) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	statement = db.dialect.sql(statement)
	if db.writes != nil {
		return change(ctx, db, func(ctx context.Context, tx *sql.Tx) (int64, error) {
			return affected(tx.ExecContext(ctx, statement, args...))
		})
	}
	var changed int64
	err := db.attempt(ctx, func() (err error) {
		changed, err = affected(db.durable.ExecContext(ctx, statement, args...))
		return err
	})
	return changed, err
}

// Writable writes something, as a rotation is written, and fails if that did: the
// disk is full, or takes no writes, or the server is a replica. Reading alone would
// not show it.
func (db *DB) Writable(ctx context.Context) error {
	err := db.attempt(ctx, func() error {
		_, err := db.relaxed.ExecContext(ctx, db.dialect.touch)
		return err
	})
	return db.fault(ctx, err)
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// change executes what do does, durably, whole or not at all, and returns what
// it returned. do must use the context and the transaction that it is given. It
// may be called again if nothing of it happened, and it may still be under way
// when change has returned because the caller's context ended: it must not touch
// the caller's variables. An error that says that a value is taken must come
// before do has changed anything.
func change[T any](ctx context.Context, db *DB, do func(ctx context.Context, tx *sql.Tx) (T, error)) (T, error) {
	var none T
	if db.writes != nil {
		answer, err := db.writes.Do(ctx, write{ctx, func(ctx context.Context, tx *sql.Tx) (any, error) { return do(ctx, tx) }})
		if err == nil {
			err = answer.err
		}
		if err != nil {
			return none, err
		}
		return answer.value.(T), nil
	}
	var value T
	err := db.attempt(ctx, func() error {
		return transact(ctx, db.durable, func(tx *sql.Tx) (err error) {
			value, err = do(ctx, tx)
			return err
		})
	})
	if err != nil {
		return none, err
	}
	return value, nil
}

// write is a call of change, waiting to be committed with others: on a disk that
// takes 10 ms for a commit, sixty sign-outs at once take 20 ms and not 600, and
// rotations do not queue behind them.
type write struct {
	ctx context.Context // the caller's
	do  func(ctx context.Context, tx *sql.Tx) (any, error)
}

// written is what became of it.
type written struct {
	value any
	err   error // a value is taken, or the caller left in time
}

// writeAll is the batch behind change: all in one transaction. What fails for
// any other reason than that a value is taken fails for all, since SQLite may
// have rolled back everything.
func (db *DB) writeAll(ctx context.Context, writes []write) ([]written, error) {
	outcomes := make([]written, len(writes))
	err := db.attempt(ctx, func() error {
		// A statement that is interrupted would take the whole batch with it.
		ctx := context.WithoutCancel(ctx)
		return transact(ctx, db.durable, func(tx *sql.Tx) error {
			for i, w := range writes {
				if err := w.ctx.Err(); err != nil {
					outcomes[i] = written{err: err}
					continue
				}
				value, err := w.do(ctx, tx)
				if err != nil && !db.dialect.duplicate(err) {
					return err
				}
				outcomes[i] = written{value, err}
			}
			return nil
		})
	})
	return outcomes, err
}

// attempt calls try when its turn has come, and again while another process is
// in the way and patience lasts.
func (db *DB) attempt(ctx context.Context, try func() error) error {
	for start := time.Now(); ; {
		err := db.alone(ctx, try)
		if err == nil || !db.dialect.again(err) || time.Since(start) > patience {
			return err
		}
	}
}

func (db *DB) alone(ctx context.Context, try func() error) error {
	if err := db.gate.enter(ctx); err != nil {
		return err
	}
	defer db.gate.leave()
	return db.within(try)
}

// atOnce calls try if nobody else writes, and reports whether it succeeded.
func (db *DB) atOnce(try func() error) bool {
	if !db.gate.enterNow() {
		return false
	}
	defer db.gate.leave()
	return db.within(try) == nil
}

// within calls try within the gate.
func (db *DB) within(try func() error) error {
	if err := try(); err != nil {
		return err
	}
	if db.keeper != nil {
		db.keeper.written()
	}
	return nil
}

// transact begins, does and commits, or rolls back.
func transact(ctx context.Context, p *pool, do func(tx *sql.Tx) error) error {
	tx, err := p.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
