package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/watchwordauth/watchword/store/sqlstore"
)

// Whoever interrupts a backup leaves no copy of the users behind.
func TestABackupThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows sends no signals to one process")
	}
	folder := t.TempDir()
	database, copies := filepath.Join(folder, "live.db"), filepath.Join(folder, "copies")
	if err := os.Mkdir(copies, 0o700); err != nil {
		t.Fatal(err)
	}
	environ := []string{"WATCHWORD_DATABASE=sqlite:" + database, "WATCHWORD_MASTER_SECRET=" + goodSecret}
	db, err := sqlstore.OpenSQLite(t.Context(), database, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	fill(t, database, 40) // so that it takes a while to copy
	interrupt(t, environ, filepath.Join(copies, "*"), filepath.Join(copies, "*"), "backup", copies)
}

// fill makes a database larger by some megabytes.
func fill(t *testing.T, path string, megabytes int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE filler (bytes BLOB)`); err != nil {
		t.Fatal(err)
	}
	for range megabytes {
		if _, err := db.Exec(`INSERT INTO filler VALUES (zeroblob(1000000))`); err != nil {
			t.Fatal(err)
		}
	}
}
