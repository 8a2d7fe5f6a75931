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
	"sync/atomic"
)

// Schema tells how far the tables of a database have been brought, and what this
// program knows.
type Schema struct {
	Version int      // how many of the steps were taken; more than there are: by a newer program
	Steps   []string // the names of all steps that this program knows, in their order
}

// InspectSQLite looks at the tables in a file and changes nothing. A file that is
// not there has none.
func InspectSQLite(ctx context.Context, path string) (Schema, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Schema{}, fmt.Errorf("look at the SQLite database %s: %w", path, err)
	}
	db := &DB{dialect: &sqlite, name: "SQLite database " + path}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return db.inspect(ctx, nil)
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}, "_query_only": {"1"}}
	if logSize(path+"-wal") == 0 {
		// All is in the file. Without this SQLite would make files beside it and leave
		// them, perhaps as a user that the server is not.
		q.Set("immutable", "1")
	}
	raw, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String())
	if err != nil {
		return Schema{}, hint(db.name, err, `import _ "modernc.org/sqlite"`)
	}
	return db.inspect(ctx, raw)
}

// InspectPostgres looks at the tables of a PostgreSQL database, named as for
// OpenPostgres, and changes nothing.
func InspectPostgres(ctx context.Context, address string) (Schema, error) {
	db := &DB{dialect: &postgres, name: "PostgreSQL"}
	raw, err := sql.Open("pgx", address)
	if err != nil {
		return Schema{}, hint(db.name, err, `import _ "github.com/jackc/pgx/v5/stdlib"`)
	}
	return db.inspect(ctx, raw)
}

// InspectMySQL looks at the tables of a MySQL or MariaDB database, named as for
// OpenMySQL, and changes nothing.
func InspectMySQL(ctx context.Context, address string) (Schema, error) {
	db := &DB{dialect: &mysql, name: "MySQL"}
	raw, err := sql.Open("mysql", address)
	if err != nil {
		return Schema{}, hint(db.name, err, `write the address as user:password@tcp(host:3306)/database, and import _ "github.com/go-sql-driver/mysql"`)
	}
	return db.inspect(ctx, raw)
}

// inspect reads what a database says of itself, and closes it. A nil one is empty.
func (db *DB) inspect(ctx context.Context, raw *sql.DB) (Schema, error) {
	db.closed = new(atomic.Bool)
	steps, err := readMigrations(db.dialect.name)
	if err != nil {
		return Schema{}, err
	}
	var s Schema
	for _, step := range steps {
		s.Steps = append(s.Steps, step.title())
	}
	if raw == nil {
		return s, ctx.Err()
	}
	defer raw.Close()
	tx, err := raw.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Schema{}, db.fault(ctx, err)
	}
	defer tx.Rollback() // nothing was changed
	there, err := all(ctx, db, tx, scanned[int], db.dialect.versioned)
	if err == nil && there[0] > 0 {
		s.Version, err = db.version(ctx, tx)
	}
	return s, db.fault(ctx, err)
}
