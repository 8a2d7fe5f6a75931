package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// filesIn writes files into a folder of their own, and returns its path.
func filesIn(t *testing.T, content map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// contentOf reads the files of a folder.
func contentOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name()] = string(text)
	}
	return found
}

func wantFiles(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	got := contentOf(t, folder)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s holds %q, want %q", name, got[name], text)
		}
	}
	for name, text := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("there is %s, with %q", name, text)
		}
	}
}

var restoreTime = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)

// fileSystems are the ways to give a file a second name.
var fileSystems = map[string]func(from, to string) error{
	"with links":    os.Link,
	"without links": func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} },
}

// However many restores there are in a second, what each puts aside stays.
func TestWhatWasPutAsideIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	for kind, link := range fileSystems {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			folder := filesIn(t, map[string]string{"w.db.before-restore-20261121T040000Z-2": "somebody's"})
			database := target(filepath.Join(folder, "w.db"))
			for _, text := range []string{"first", "second", "third"} {
				if err := os.Rename(filepath.Join(filesIn(t, map[string]string{"w.db": text}), "w.db"), string(database)); err != nil {
					t.Fatal(err)
				}
				if _, err := database.keep(restoreTime, link); err != nil {
					t.Fatal(err)
				}
			}
			_ = os.Remove(string(database)) // it has its first name too, where there are links
			wantFiles(t, folder, map[string]string{
				"w.db.before-restore-20261121T040000Z":   "first",
				"w.db.before-restore-20261121T040000Z-2": "somebody's",
				"w.db.before-restore-20261121T040000Z-3": "second",
				"w.db.before-restore-20261121T040000Z-4": "third",
			})
		})
	}
}

// Nobody looks whether a name is free and takes it then: who comes in between would lose.
func TestOfManyWhoTakeANameOneHasIt(t *testing.T) {
	t.Parallel()
	for kind, link := range fileSystems {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const many = 32
			folder := t.TempDir()
			aside := filepath.Join(folder, "aside")
			var all sync.WaitGroup
			results := make([]error, many)
			for i := range many {
				from := filepath.Join(filesIn(t, map[string]string{"w.db": "x"}), "w.db")
				all.Go(func() { results[i] = another(from, aside, link) })
			}
			all.Wait()
			won := 0
			for _, err := range results {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, os.ErrExist):
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("%d have the name", won)
			}
		})
	}
}

// A log beside a database that it is not of would overwrite it.
func TestLogsGoWithTheirDatabaseAndAlsoWithoutIt(t *testing.T) {
	t.Parallel()
	const aside = "w.db.before-restore-20261121T040000Z"
	for kind, link := range fileSystems {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for name, row := range map[string]struct{ before, after map[string]string }{
				"nothing": {map[string]string{}, map[string]string{}},
				"all":     {map[string]string{"w.db": "d", "w.db-wal": "w", "w.db-shm": "s", "w.db-journal": "j"}, map[string]string{aside: "d", aside + "-wal": "w", aside + "-shm": "s", aside + "-journal": "j"}},
				"a log":   {map[string]string{"w.db-wal": "w"}, map[string]string{aside + "-wal": "w"}},
				"logs":    {map[string]string{"w.db-journal": "j", "w.db-shm": "s"}, map[string]string{aside + "-journal": "j", aside + "-shm": "s"}},
				"a log, and another's database": {
					map[string]string{"w.db-wal": "w", aside: "another's"}, map[string]string{aside: "another's", aside + "-2-wal": "w"},
				},
				"a database, and another's log": {
					map[string]string{"w.db": "d", aside + "-wal": "another's"}, map[string]string{aside + "-2": "d", aside + "-wal": "another's"},
				},
			} {
				folder := filesIn(t, row.before)
				database := target(filepath.Join(folder, "w.db"))
				_, err := database.keep(restoreTime, link)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				_ = os.Remove(string(database))
				wantFiles(t, folder, row.after)
			}
		})
	}
}

// A restore that was killed leaves a copy of the users: the next one removes it. Of two at
// once the second is refused, whatever data folders they have.
func TestRestoresOfOneFolderTakeTurns(t *testing.T) {
	t.Parallel()
	folder := filesIn(t, map[string]string{
		"w.db": "database", ".restore.lock": "", ".restore-mynotes!": "somebody's",
	})
	left := filepath.Join(folder, ".restore-ABCDEFGH")
	if err := errors.Join(os.Mkdir(left, 0o700), os.WriteFile(filepath.Join(left, "copy.db"), []byte("left"), 0o600)); err != nil {
		t.Fatal(err)
	}
	database := target(filepath.Join(folder, "w.db"))
	staged, giveBack, err := database.stage()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(staged+"-wal", []byte("log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := database.stage(); err == nil || !strings.Contains(err.Error(), "another restore is under way") {
		t.Errorf("the second gets %v", err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is there: %v", err)
	}
	wantFiles(t, filepath.Dir(staged), map[string]string{"copy.db": "", "copy.db-wal": "log"})
	giveBack()
	wantFiles(t, folder, map[string]string{"w.db": "database", ".restore-mynotes!": "somebody's"})
	if _, giveBack, err = database.stage(); err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	giveBack()
}
