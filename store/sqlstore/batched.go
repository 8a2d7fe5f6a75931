package sqlstore

import (
	"context"
	"database/sql"
	"iter"
	"slices"
)

// chunkSize bounds how many rows one statement names by their ids.
const chunkSize = 500

// chunks cuts a list of ids into pieces that a statement may name.
func chunks(ids []id) iter.Seq[[][16]byte] {
	return func(yield func([][16]byte) bool) {
		for chunk := range slices.Chunk(ids, chunkSize) {
			if !yield(flat(chunk)) {
				return
			}
		}
	}
}

// byID executes a query of a batch, for rows with certain ids.
func byID[T any](ctx context.Context, db *DB, scan func(row) (T, error), query string, args []any) ([]T, error) {
	if !db.dialect.embedded {
		return all(ctx, db, db.reading, scan, query, args...)
	}
	// Watching the context would cost a goroutine for a statement that is short.
	ctx = context.WithoutCancel(ctx)
	statement, err := db.refreshing().statement(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scan)
}

// refreshing is the connection that reads what a refresh needs. In this process it is
// the one that writes rotations: it alone knows its own commits, while the
// others drop all pages that they hold at each of them. Where a rotation waits for
// the disk, nobody should wait behind it to read.
func (db *DB) refreshing() *pool {
	if db.durableRotations {
		return db.reading
	}
	return db.relaxed
}

// forget removes at most limit rows that fulfil a condition, the first in an order
// first, in transactions short enough that nobody waits long for them.
func (db *DB) forget(ctx context.Context, table, condition string, args []any, order string, among func([][16]byte) (string, []any), limit int) (int, error) {
	total := 0
	for total < limit {
		removed, err := change(ctx, db, func(ctx context.Context, tx *sql.Tx) (int64, error) {
			old, err := all(ctx, db, tx, scanned[id],
				`SELECT id FROM `+table+` WHERE `+condition+` ORDER BY `+order+` LIMIT ?`+db.dialect.forUpdate, append(slices.Clip(args), min(limit-total, chunkSize))...)
			if err != nil || len(old) == 0 {
				return 0, err
			}
			chosen, args := among(flat(old))
			return affected(tx.ExecContext(ctx, db.dialect.sql(`DELETE FROM `+table+` WHERE `+chosen), args...))
		})
		if err != nil {
			return total, err
		}
		if removed == 0 {
			return total, nil
		}
		total += int(removed)
	}
	return total, nil
}
