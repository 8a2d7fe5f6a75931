package sqlstore

import (
	"path/filepath"
	"testing"
)

func TestRotationsAreAsDurableAsTheyAreAskedToBe(t *testing.T) {
	t.Parallel()
	const normal, full = "1", "2"
	for _, row := range []struct {
		name    string
		options Options
		want    string
	}{
		{"within seconds", Options{}, normal},
		{"before they are answered", Options{DurableRotations: true}, full},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "watchword.db"), row.options)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var got string
			if err := db.relaxed.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != row.want {
				t.Errorf("synchronous is %s, want %s", got, row.want)
			}
		})
	}
}
