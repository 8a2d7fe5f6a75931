package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// What is wrong with a file that is to be a database of Watchword.
var (
	ErrNoDatabase = errors.New("not a database of Watchword")
	ErrDamaged    = errors.New("the database is damaged")
	ErrInUse      = errors.New("another program has the database open")
)

// CopySQLite writes into a file, which is empty or does not exist, what is in a database at
// one moment: everything that was acknowledged before, whole. The database may be in use
// by this and by other processes, which do not notice but for the work it takes.
// When CopySQLite returns the copy is on the disk.
//
// The program must import the driver "modernc.org/sqlite".
func CopySQLite(ctx context.Context, from, to string) error {
	err := withSQLite(from, nil, func(db *sql.DB) error {
		if err := known(ctx, db); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, `VACUUM INTO ?`, to)
		return err
	})
	if err == nil {
		// SQLite leaves a copy to the system to write.
		err = syncFile(to)
	}
	if err != nil {
		return fmt.Errorf("copy the SQLite database %s: %w", from, advised(err))
	}
	return nil
}

// CheckSQLite reads all of a database that nobody writes. It fails with ErrNoDatabase
// for what is none of Watchword, and with ErrDamaged.
func CheckSQLite(ctx context.Context, path string) error {
	// It is not to be changed, nor a log to be left beside it.
	err := withSQLite(path, []string{"mode", "ro"}, func(db *sql.DB) error {
		if err := known(ctx, db); err != nil {
			return err
		}
		var verdict string
		if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return fmt.Errorf("%w: %s", ErrDamaged, verdict)
		}
		return nil
	})
	switch code := sqliteCode(err) & 0xff; {
	case err == nil:
		return nil
	case code == 26: // SQLITE_NOTADB
		err = ErrNoDatabase
	case code == 11: // SQLITE_CORRUPT
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("check %s: %w", path, advised(err))
}

// SettleSQLite copies into a database file what is in the log beside it, so that the file
// is all there is. It fails with ErrInUse if anybody has the database open, who
// would go on writing to a file that is moved away.
func SettleSQLite(ctx context.Context, path string) error {
	err := withSQLite(path, []string{"_pragma", "busy_timeout(1000)"}, func(db *sql.DB) error {
		// To give the log up takes the file for oneself, also from those who do nothing now.
		_, err := db.ExecContext(ctx, `PRAGMA journal_mode(delete)`)
		return err
	})
	if code := sqliteCode(err) & 0xff; code == 5 || code == 6 { // SQLITE_BUSY, SQLITE_LOCKED
		return fmt.Errorf("settle the SQLite database %s: %w", path, ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("settle the SQLite database %s: %w", path, advised(err))
	}
	return nil
}

// withSQLite opens a file by one connection with these parameters.
func withSQLite(path string, parameters []string, do func(*sql.DB) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err // opening would make it
	}
	query := url.Values{"_pragma": {"busy_timeout(5000)", "temp_store(memory)"}}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	address := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return fmt.Errorf("%w: import _ \"modernc.org/sqlite\"", err)
	}
	db.SetMaxOpenConns(1)
	return errors.Join(do(db), db.Close())
}

// known fails for a database that is not Watchword's.
func known(ctx context.Context, db *sql.DB) error {
	var tables int
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('watchword_versions', 'watchword_users', 'watchword_sessions')`).Scan(&tables)
	if err == nil && tables < 3 {
		err = ErrNoDatabase
	}
	return err
}

// advised adds to an error of SQLite how to mend it.
func advised(err error) error {
	if advice := sqliteAdvice(err); advice != "" && !errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%w; %s", err, advice)
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		return cause.Err
	}
	return err
}

func syncFile(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
