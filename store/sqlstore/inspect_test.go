package sqlstore_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/store/sqlstore"
)

func TestInspectingASQLiteFileChangesNothing(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	before, err := sqlstore.InspectSQLite(t.Context(), path)
	if err != nil || before.Version != 0 || len(before.Steps) == 0 || before.Steps[0] != "0001_begin" {
		t.Errorf("of a file that is not there InspectSQLite = %+v, %v", before, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file was made")
	}

	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := sqlstore.InspectSQLite(t.Context(), path); err != nil || cmp.Diff(before, got) != "" {
		t.Errorf("of an empty file InspectSQLite = %+v, %v", got, err)
	}

	db := openSQLite(t, path)
	after := sqlstore.Schema{Version: len(before.Steps), Steps: before.Steps}
	if got, err := sqlstore.InspectSQLite(t.Context(), path); err != nil || cmp.Diff(after, got) != "" {
		t.Errorf("while it is open InspectSQLite = %+v, %v", got, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sqlstore.InspectSQLite(t.Context(), path); err != nil || cmp.Diff(after, got) != "" {
		t.Errorf("when it is closed InspectSQLite = %+v, %v", got, err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Errorf("the file is another, %v", err)
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || !slices.Equal(names, []string{path}) {
		t.Errorf("beside it there are %v, %v", names, err)
	}
}

func TestInspectingAServerChangesNothing(t *testing.T) {
	t.Parallel()
	inspect := map[string]func(t *testing.T, address string) (sqlstore.Schema, error){
		"pgx":   func(t *testing.T, a string) (sqlstore.Schema, error) { return sqlstore.InspectPostgres(t.Context(), a) },
		"mysql": func(t *testing.T, a string) (sqlstore.Schema, error) { return sqlstore.InspectMySQL(t.Context(), a) },
	}
	eachRemote(t, func(t *testing.T, r remote) {
		address := r.empty(t)
		before, err := inspect[r.driver](t, address)
		if err != nil || before.Version != 0 || len(before.Steps) == 0 || before.Steps[0] != "0001_begin" {
			t.Errorf("at first %+v, %v", before, err)
		}
		raw, err := sql.Open(r.driver, address)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		var tables int
		where := map[string]string{"pgx": "current_schema()", "mysql": "DATABASE()"}[r.driver]
		if err := raw.QueryRowContext(t.Context(), `SELECT count(*) FROM information_schema.tables WHERE table_schema = `+where).Scan(&tables); err != nil || tables != 0 {
			t.Errorf("%d tables were made, %v", tables, err)
		}
		r.connect(t, address)
		after := sqlstore.Schema{Version: len(before.Steps), Steps: before.Steps}
		if got, err := inspect[r.driver](t, address); err != nil || cmp.Diff(after, got) != "" {
			t.Errorf("afterwards %+v, %v", got, err)
		}
	})
}
