package sqlstore_test

import (
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// openSQLite opens a database for one test.
func openSQLite(t testing.TB, path string) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func newSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "watchword.db") }

func TestSQLiteConformance(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB) store.Set { return openSQLite(t, newSQLite(t)).Set() }
	storetest.Run(t, open)
	storetest.Steps(t, open)
}

func TestSQLiteIsLinearizable(t *testing.T) {
	t.Parallel()
	storetest.Linearizable(t, openSQLite(t, newSQLite(t)).Set().Sessions)
}
