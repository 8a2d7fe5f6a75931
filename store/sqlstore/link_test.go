package sqlstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A database may be a link to a file on another disk: what is looked after is the log
// that SQLite writes, which is beside that file.
func TestADatabaseMayBeALink(t *testing.T) {
	t.Parallel()
	folder, disk := t.TempDir(), t.TempDir()
	link, file := filepath.Join(folder, "watchword.db"), filepath.Join(disk, "accounts.db")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skipf("SKIPPED: no symbolic links here: %v", err)
	}
	db, err := OpenSQLite(t.Context(), link, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := begin(t, db, 1)
	if size := logSize(db.keeper.log); size == 0 {
		t.Errorf("the keeper sees no log in %s", db.keeper.log)
	}
	if _, err := db.Set().Sessions.Find(t.Context(), s.ID); err != nil {
		t.Error(err)
	}
	for _, name := range []string{file, file + "-wal"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want what its owner alone reads", name, info.Mode(), err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = OpenSQLite(t.Context(), link, Options{})
	if err == nil || !strings.Contains(err.Error(), "mount the disk that it leads to") {
		t.Errorf("a link to nowhere: %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database was begun where the disk may not be mounted: %v", err)
	}
}
