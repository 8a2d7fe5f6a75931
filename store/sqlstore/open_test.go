package sqlstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"database/sql"

	"github.com/watchwordauth/watchword/store/sqlstore"
)

func TestTheDatabaseIsReadableByItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	modes := func() {
		t.Helper()
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("%s has the mode %v", filepath.Base(name), got)
			}
		}
	}
	db := openSQLite(t, path)
	modes()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openSQLite(t, path)
	modes()
}

func TestOpenSaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "notes.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(folder, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name, path string
		want       []string
	}{
		{"no folder", filepath.Join(folder, "missing", "watchword.db"), []string{"missing", "make its folder first"}},
		{"a folder", folder, []string{folder, "it is not a file"}},
		{"another file", file, []string{file, "no SQLite database"}},
	}
	if os.Getuid() != 0 { // root may write everywhere
		rows = append(rows, rows[0])
		rows[len(rows)-1].name, rows[len(rows)-1].path = "a folder that cannot be written", filepath.Join(locked, "watchword.db")
		rows[len(rows)-1].want = []string{locked, "let this user write the folder"}
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			db, err := sqlstore.OpenSQLite(t.Context(), row.path, sqlstore.Options{})
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAPathMayHoldAnyCharacter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c#d%20e&f=g'h ü.db")
	openSQLite(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	if err := openSQLite(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(`INSERT INTO watchword_versions (version, name) VALUES (99, 'from the future')`); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
	if !errors.Is(err, sqlstore.ErrNewer) || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "start the newer program") {
		t.Errorf("OpenSQLite = %v, want %v", err, sqlstore.ErrNewer)
	}
}

func TestOpeningHonoursTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlstore.OpenSQLite(ctx, newSQLite(t), sqlstore.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("OpenSQLite = %v, want %v", err, context.Canceled)
	}
}
