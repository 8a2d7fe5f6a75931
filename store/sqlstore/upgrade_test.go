package sqlstore

import (
	"crypto/sha256"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/session"
)

// A file of the first version, whose sessions had an index of their ids, opens
// with every session where the new version looks for it.
func TestSessionsOfTheFirstVersionAreFoundInTheirPlaces(t *testing.T) {
	t.Parallel()
	steps, err := readMigrations("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "watchword.db")
	raw, err := sql.Open("sqlite", sqliteAddress(path, sqliteDurable))
	if err != nil {
		t.Fatal(err)
	}
	do := func(statement string, args ...any) {
		t.Helper()
		if _, err := raw.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	do(sqlite.versions)
	for _, statement := range steps[0].statements {
		do(statement)
	}
	do(`INSERT INTO watchword_versions (version, name) VALUES (1, ?)`, steps[0].name)
	var want []session.Session
	for n := range 50 {
		s, digest := benchSession(n), sha256.Sum256([]byte{byte(n)})
		s.ID = session.ID(digest[:16]) // with the highest bit and without
		switch n {
		case 0:
			s.ID = session.ID{}
		case 1:
			copy(s.ID[:], "\x80\x00\x00\x00\x00\x00\x00\x00")
		case 2:
			copy(s.ID[:], "\xff\xff\xff\xff\xff\xff\xff\xff")
		case 3:
			copy(s.ID[:], "\x7f\xff\xff\xff\xff\xff\xff\xff")
		}
		want = append(want, s)
		do(`INSERT INTO watchword_sessions (`+sessionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, '', '')`,
			s.ID[:], s.UserID[:], s.ClientID, int64(s.Delivery), micros(s.CreatedAt), micros(s.ExpiresAt), s.Birth.IP, s.Birth.UserAgent,
			int64(s.Generation), micros(s.RotatedAt), micros(s.EmittedAt), s.RequestKey[:], micros(s.IdleUntil))
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}

	db, err := OpenSQLite(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, s := range want {
		got, err := db.Set().Sessions.Find(t.Context(), s.ID)
		if err != nil {
			t.Fatalf("session %s: %v", s.ID, err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("a session changed (-want +got):\n%s", diff)
		}
		if won, err := db.Set().Sessions.Advance(t.Context(), s.ID, s.Generation, rotated(s.Register)); !won || err != nil {
			t.Errorf("it is not advanced: %v, %v", won, err)
		}
	}
}
