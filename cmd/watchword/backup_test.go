package main

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

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
	left := func() []string {
		found, err := filepath.Glob(filepath.Join(copies, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), "watchword", "backup", copies)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), quickExit}, environ...)
		cmd.Dir = t.TempDir()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); cmd.Wait() }()
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for begun := false; !begun; {
			select {
			case <-ended:
				t.Fatal("it ended before it was seen")
			case <-look.C:
				begun = slices.ContainsFunc(left(), func(name string) bool {
					info, err := os.Stat(name)
					return err == nil && info.Size() > 0
				})
			}
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		<-ended
		if want := 128 + int(s.(syscall.Signal)); cmd.ProcessState.ExitCode() != want || len(left()) > 0 {
			t.Errorf("after %v: %v, want status %d; there is %v", s, cmd.ProcessState, want, left())
		}
	}
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
