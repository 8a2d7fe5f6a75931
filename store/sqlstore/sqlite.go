package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/watchwordauth/watchword/session"
)

// sqlite is the embedded database, by the driver modernc.org/sqlite.
var sqlite = dialect{
	name:      "sqlite",
	embedded:  true,
	unlessID:  `ON CONFLICT (id) DO NOTHING`,
	contains:  `instr(roles, ?) > 0`,
	touch:     `UPDATE watchword_sync SET written = written + 1`, // what stays as it is SQLite does not write
	versions:  `CREATE TABLE IF NOT EXISTS watchword_versions (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT`,
	versioned: `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'watchword_versions'`,
	text:      func(s string) any { return s },
	among: func(ids [][16]byte) (string, []any) {
		list := []byte{'['}
		for i, id := range ids {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, '"')
			list = append(hex.AppendEncode(list, id[:]), '"')
		}
		return `id IN (SELECT unhex(value) FROM json_each(?))`, []any{string(append(list, ']'))}
	},
	place: placeOf,
	duplicate: func(err error) bool {
		switch sqliteCode(err) {
		case 19 | 6<<8, 19 | 8<<8, 19 | 10<<8: // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID
			return true
		}
		return false
	},
	again: func(err error) bool {
		code := sqliteCode(err) & 0xff
		return code == 5 || code == 6 // SQLITE_BUSY, SQLITE_LOCKED
	},
	unavailable: func(err error) bool { return sqliteAdvice(err) != "" },
	advice:      sqliteAdvice,
	advance:     advanceSQLite,
}

// placeOf is where SQLite keeps a session: the first half of its id, which is a
// digest, as the number of the row. So a session is found by one look into one
// tree, without an index, and a page has room for rows that grow. That two
// sessions ever share a place is less likely than a failing disk; the second
// would be refused as known.
func placeOf(id session.ID) int64 { return int64(binary.BigEndian.Uint64(id[:8])) }

// sqliteCode is SQLite's extended result code, 0 if the error is not its.
func sqliteCode(err error) int {
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	if !ok {
		return 0
	}
	return coded.Code()
}

// sqliteAdvice says how to mend what keeps SQLite from working, "" if nothing does.
func sqliteAdvice(err error) string {
	switch sqliteCode(err) & 0xff {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return "another program keeps it locked: end that program"
	case 7: // SQLITE_NOMEM
		return "there is no memory left"
	case 8: // SQLITE_READONLY
		return "it cannot be written: let this user write the file, the files beside it and their folder"
	case 10: // SQLITE_IOERR
		return "the disk failed: look at the system's log"
	case 11: // SQLITE_CORRUPT
		return "it is damaged: restore a backup"
	case 13: // SQLITE_FULL
		return "the disk is full: free some space"
	case 14: // SQLITE_CANTOPEN
		return "it cannot be opened: let this user read and write the file and its folder"
	case 26: // SQLITE_NOTADB
		return "the file is no SQLite database: choose another"
	}
	return ""
}

// The kinds of connections. What differs between them is in the address, so that
// every connection of a pool is of its kind, those too that are opened later.
//
// The busy timeout is short where attempt tries again: unlike SQLite's own
// waiting, it sees that a caller's context has ended.
var (
	sqliteReading = []string{"_pragma", "busy_timeout(5000)", "_query_only", "1"}
	sqliteDurable = []string{"_pragma", "busy_timeout(100)", "_synchronous", "full", "_txlock", "immediate"}
	sqliteRelaxed = []string{"_pragma", "busy_timeout(100)", "_synchronous", "normal", "_txlock", "immediate", "_pragma", "cache_size(-65536)"}
	sqliteKeeping = []string{"_pragma", "busy_timeout(50)", "_synchronous", "full"}
)

// sqliteAddress is the address of a connection of one kind.
func sqliteAddress(path string, kind []string) string {
	q := url.Values{
		"_pragma": {
			// Half of what a rotation costs is writing pages, and it changes one
			// row: small pages make it 1.5 times as fast as the usual 4 KiB.
			"page_size(1024)",
			// Whoever commits must not pay for a checkpoint: see keeper.
			"wal_autocheckpoint(0)",
			"foreign_keys(1)",
			"trusted_schema(0)",
			"temp_store(memory)",
			// On macOS fsync alone does not reach the disk. Elsewhere it does.
			"fullfsync(1)", "checkpoint_fullfsync(1)",
		},
		"_journal_mode": {"wal"}, // which the driver sets after the page size
		"_dqs":          {"0"},
		"_error_rc":     {"1"},
	}
	for i := 0; i < len(kind); i += 2 {
		q.Add(kind[i], kind[i+1])
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// OpenSQLite opens the database in a file, which it makes if there is none, and
// brings its tables up to date. The folder must exist. The file is readable by
// its owner alone. Several processes may have it open at once, on one machine.
//
// The program must import the driver "modernc.org/sqlite". The DB looks after
// its file in the background until it is closed.
func OpenSQLite(ctx context.Context, path string, o Options) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the SQLite database %s: %w", path, err)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	// SQLite keeps its log beside the file, not beside a link to it.
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("open the SQLite database %s: %w: if it is a link, mount the disk that it leads to, or remove it", path, err)
	}
	closeToOthers(file, o.Logger)
	db := &DB{dialect: &sqlite, name: "SQLite database " + path, gate: newGate(), durableRotations: o.DurableRotations, closed: new(atomic.Bool), logger: o.Logger}
	var pools []*pool
	open := func(kind []string, connections int) *pool {
		raw, failed := sql.Open("sqlite", sqliteAddress(path, kind))
		if failed != nil {
			err = fmt.Errorf("%s: %w: import _ \"modernc.org/sqlite\"", db.name, failed)
			return nil
		}
		pools = append(pools, newPool(raw, connections))
		return pools[len(pools)-1]
	}
	rotating := sqliteRelaxed
	if o.DurableRotations {
		rotating = slices.Clone(sqliteRelaxed)
		rotating[slices.Index(rotating, "_synchronous")+1] = "full"
	}
	db.durable, db.relaxed, db.reading = open(sqliteDurable, 1), open(rotating, 1), open(sqliteReading, 4)
	keeping := open(sqliteKeeping, 1)
	if err == nil {
		// The first connection makes the file a database. SQLite does not wait
		// where two processes do that at once; attempt does.
		err = db.fault(ctx, db.attempt(ctx, func() error { return db.durable.PingContext(ctx) }))
	}
	if err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		for _, p := range pools {
			p.Close()
		}
		return nil, err
	}
	db.gather(1)
	db.keeper = newKeeper(db, keeping, file+"-wal")
	return db, nil
}

// making is held while a file is made. Closing a file drops all locks that the
// process holds on it, so it must not happen while a connection is open.
var making sync.Mutex

// makeFile makes the file if there is none.
func makeFile(path string) error {
	making.Lock()
	defer making.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist): // another process was faster
			return nil
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("make the SQLite database %s: %w: make its folder first, or choose another", path, err)
		case err != nil:
			return fmt.Errorf("make the SQLite database %s: %w: let this user write the folder, or choose another", path, err)
		}
		return file.Close()
	}
	if err != nil {
		return fmt.Errorf("open the SQLite database %s: %w: let this user read the folder, or choose another", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open the SQLite database %s: it is not a file: choose another", path)
	}
	return nil
}

// closeToOthers keeps others from reading the file, and those beside it.
func closeToOthers(path string, logger *slog.Logger) {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(name, 0o600); err != nil {
				logger.Warn("others may read the database", "file", name, "mode", info.Mode().Perm().String(), "err", err)
			}
		}
	}
}

// rotateSQLite writes one rotation.
const rotateSQLite = `UPDATE watchword_sessions
	SET generation = ?, rotated_at = ?, emitted_at = ?, request_key = ?, idle_until = ?,
		seen_ip = nullif(?, birth_ip), seen_user_agent = nullif(?, birth_user_agent)
	WHERE place = ? AND id = ? AND generation = ? AND revoked_at IS NULL`

// advanceSQLite writes rotations one by one in one transaction. SQLite runs in
// this process, so that there is no round trip to save: with rows as wide as ours
// one UPDATE … FROM json_each(?) takes twice as long. And what two rotations of
// one session in a batch mean needs no thought.
func advanceSQLite(ctx context.Context, db *DB, on *pool, rotations []rotation) ([]advanced, error) {
	outcomes := make([]advanced, len(rotations))
	err := db.attempt(ctx, func() error { return writeSQLite(ctx, db, on, rotations, outcomes) })
	return outcomes, err
}

// writeSQLite is its transaction. It is called within the gate.
func writeSQLite(ctx context.Context, db *DB, on *pool, rotations []rotation, outcomes []advanced) error {
	// Each statement is short. Watching the context would cost a goroutine for each.
	ctx = context.WithoutCancel(ctx)
	update, err := on.statement(ctx, rotateSQLite)
	if err != nil {
		return err
	}
	if on == db.relaxed {
		db.keeper.owe()
	}
	return transact(ctx, on, func(tx *sql.Tx) error {
		update := tx.StmtContext(ctx, update)
		for i, r := range rotations {
			if outcomes[i].won, err = rotate(ctx, update, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// rotate executes rotateSQLite and reports whether the rotation won.
func rotate(ctx context.Context, update *sql.Stmt, r rotation) (bool, error) {
	changed, err := affected(update.ExecContext(ctx,
		int64(r.next.Generation), micros(r.next.RotatedAt), micros(r.next.EmittedAt), r.next.RequestKey[:], micros(r.next.IdleUntil),
		r.next.LastSeen.IP, r.next.LastSeen.UserAgent, placeOf(r.session), r.session[:], int64(r.from)))
	return changed > 0, err
}

// syncSQLite makes one durable commit, which carries all commits before it to
// the disk: they are in one log, and a durable commit syncs all of it.
func (db *DB) syncSQLite(ctx context.Context) error {
	_, err := db.exec(ctx, `UPDATE watchword_sync SET written = written + 1`)
	return err
}

// checkpoint copies what is in the log into the database file: as far as that
// goes without waiting for anybody ("passive"), or entirely, so that the log is
// empty ("truncate"). It reports whether it got to the end.
func checkpoint(ctx context.Context, keeping *pool, mode string) (bool, error) {
	var busy, logged, copied int
	err := keeping.QueryRowContext(ctx, `PRAGMA wal_checkpoint(`+mode+`)`).Scan(&busy, &logged, &copied)
	return err == nil && busy == 0 && logged == copied, err
}

// logSize is how many bytes the log has.
func logSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0 // there is none yet
	}
	return info.Size()
}
