package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
)

// migrations holds a folder for each dialect, with files like 0001_begin.sql
// that are executed in the order of their names. A file that was released is
// never changed.
//
//go:embed migrations
var migrations embed.FS

// migration is one file: one step forward, whole or not at all.
type migration struct {
	name       string
	statements []string
}

// title is its name without the file's ending.
func (m migration) title() string { return strings.TrimSuffix(m.name, ".sql") }

// readMigrations reads the steps of a dialect. Their numbers count from 1.
func readMigrations(dialect string) ([]migration, error) {
	folder := path.Join("migrations", dialect)
	entries, err := migrations.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, err
	}
	var list []migration
	for i, entry := range entries {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(entry.Name(), want) {
			return nil, fmt.Errorf("migration %s: its name should begin with %s", entry.Name(), want)
		}
		script, err := migrations.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, migration{entry.Name(), statements(string(script))})
	}
	return list, nil
}

// statements cuts a script where a line ends with a semicolon.
func statements(script string) []string {
	var list []string
	for statement := range strings.SplitAfterSeq(script, ";\n") {
		if strings.TrimSpace(statement) != "" {
			list = append(list, statement)
		}
	}
	return list
}

// migrate brings the tables up to date. Any number of processes may do so at
// once. A database that is newer than this program is ErrNewer.
func (db *DB) migrate(ctx context.Context) error {
	steps, err := readMigrations(db.dialect.name)
	if err != nil {
		return err
	}
	version, err := db.version(ctx, db.reading)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		version = 0 // there is no table yet, or the first step tells what is wrong
	}
	for version < len(steps) {
		if err := db.step(ctx, steps, &version); err != nil {
			return err
		}
	}
	if version > len(steps) {
		return fmt.Errorf("%s: %w: its tables are of version %d, this program knows %d; start the newer program, or restore a backup from before the upgrade",
			db.name, ErrNewer, version, len(steps))
	}
	return nil
}

// step takes the database one version forward, unless another process did
// meanwhile. version is where it was, and becomes where it is.
func (db *DB) step(ctx context.Context, steps []migration, version *int) error {
	doing := "prepare the tables"
	err := db.attempt(ctx, func() error {
		return transact(ctx, db.durable, func(tx *sql.Tx) error {
			if err := db.lockSteps(ctx, tx); err != nil {
				return err
			}
			if db.dialect.unlock != "" {
				defer tx.ExecContext(context.WithoutCancel(ctx), db.dialect.unlock)
			}
			if _, err := tx.ExecContext(ctx, db.dialect.versions); err != nil {
				return err
			}
			var err error
			if *version, err = db.version(ctx, tx); err != nil || *version >= len(steps) {
				return err
			}
			next := steps[*version]
			doing = "migrate by " + next.name
			for _, statement := range next.statements {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			*version++
			_, err = tx.ExecContext(ctx, db.dialect.sql(`INSERT INTO watchword_versions (version, name) VALUES (?, ?)`), *version, next.name)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, db.fault(ctx, err))
	}
	return nil
}

// errMigrating is returned when another process has migrated for a minute.
var errMigrating = errors.New("another process migrates the database; wait until it has ended")

// lockSteps waits until no other process migrates.
func (db *DB) lockSteps(ctx context.Context, tx *sql.Tx) error {
	if db.dialect.lock == "" {
		return nil
	}
	var got sql.NullString
	if err := tx.QueryRowContext(ctx, db.dialect.lock).Scan(&got); err != nil {
		return err
	}
	if db.dialect.unlock != "" && got.String != "1" { // MySQL stops waiting, and says 0
		return errMigrating
	}
	return nil
}

// version is how many steps the database has taken.
func (db *DB) version(ctx context.Context, q querier) (int, error) {
	versions, err := all(ctx, db, q, scanned[int], `SELECT coalesce(max(version), 0) FROM watchword_versions`)
	if err != nil {
		return 0, err
	}
	if len(versions) != 1 {
		return 0, errors.New("the table of versions cannot be read")
	}
	return versions[0], nil
}
