package sqlstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// A copy that is made while sessions rotate and begin has all that was acknowledged
// before, and is whole.
func TestACopyIsWholeWhileTheDatabaseIsWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	live := filepath.Join(folder, "live.db")
	db, err := sqlstore.OpenSQLite(t.Context(), live, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	set := db.Set()
	begin := func() session.ID {
		var id session.ID
		rand.Read(id[:])
		s := session.Session{
			ID: id, UserID: uuid.New(time.Now(), rand.Reader), ClientID: "watchword", Delivery: session.Body,
			CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Register: session.Register{Generation: 1, RotatedAt: time.Now(), EmittedAt: time.Now(), IdleUntil: time.Now().Add(time.Hour)},
		}
		if err := set.Sessions.Begin(t.Context(), s); err != nil {
			t.Error(err)
		}
		return s.ID
	}
	var (
		writers sync.WaitGroup
		before  []session.ID
	)
	for range 200 {
		before = append(before, begin())
	}
	ctx, stop := context.WithCancel(t.Context())
	for i := range 4 {
		writers.Go(func() {
			for generation := uint64(1); ctx.Err() == nil; generation++ {
				won, err := set.Sessions.Advance(t.Context(), before[i], generation, session.Register{Generation: generation + 1, RotatedAt: time.Now(), EmittedAt: time.Now(), IdleUntil: time.Now().Add(time.Hour)})
				if err != nil || !won {
					t.Errorf("rotate: %v, %v", won, err)
					return
				}
				begin()
			}
		})
	}
	for range 5 {
		to := filepath.Join(folder, rand.Text())
		if err := sqlstore.CopySQLite(t.Context(), live, to); err != nil {
			t.Fatal(err)
		}
		if err := sqlstore.CheckSQLite(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		copied, err := sqlstore.OpenSQLite(t.Context(), to, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range before {
			if _, err := copied.Set().Sessions.Find(t.Context(), id); err != nil {
				t.Errorf("session %s: %v", id, err)
			}
		}
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	writers.Wait()
}

func TestWhatIsNoDatabaseIsTold(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(folder, "live.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		u := account.User{ID: uuid.New(time.Now(), rand.Reader), Username: "Ada", UsernameKey: rand.Text(), Epoch: 1, CreatedAt: time.Now()}
		if err := db.Set().Users.Add(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(folder, "live.db"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), whole...)
	for i := 4 * 1024; i < len(damaged); i += 7 {
		damaged[i] ^= 0xff
	}
	for name, row := range map[string]struct {
		path string
		want error
	}{
		"a whole one":      {file("whole.db", whole), nil},
		"another file":     {file("text", []byte("a text that is no database, but long enough to be one, if one looks only at its length: that is a hundred bytes and more")), sqlstore.ErrNoDatabase},
		"an empty file":    {file("empty", nil), sqlstore.ErrNoDatabase},
		"a damaged one":    {file("damaged.db", damaged), sqlstore.ErrDamaged},
		"half of one":      {file("half.db", whole[:len(whole)/2]), sqlstore.ErrDamaged},
		"one that is gone": {filepath.Join(folder, "gone"), os.ErrNotExist},
	} {
		if err := sqlstore.CheckSQLite(t.Context(), row.path); !errors.Is(err, row.want) || row.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}
