//go:build linux

package fleet

import (
	crand "crypto/rand"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// populate begins sessions that expire at a time.
func populate(t *testing.T, store session.Store, n int, expires time.Time) []session.Session {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	all := make([]session.Session, n)
	var beginning sync.WaitGroup
	for part := range 8 {
		beginning.Go(func() {
			for i := part; i < n; i += 8 {
				s := &all[i]
				*s = session.Session{
					Delivery: session.Body, CreatedAt: now, ExpiresAt: expires, Birth: session.Origin{IP: "192.0.2.7", UserAgent: "a browser"},
					Register: session.Register{Generation: 1, RotatedAt: now, EmittedAt: now, IdleUntil: expires},
				}
				s.LastSeen = s.Birth
				_, _ = crand.Read(s.ID[:])
				_, _ = crand.Read(s.UserID[:])
				if err := store.Begin(t.Context(), *s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	beginning.Wait()
	return all
}

// rotate replaces the token of a session once.
func rotate(t *testing.T, store session.Store, s *session.Session) {
	next := s.Register
	next.Generation++
	next.RotatedAt = next.RotatedAt.Add(time.Minute)
	next.EmittedAt = next.RotatedAt
	_, _ = crand.Read(next.RequestKey[:])
	if won, err := store.Advance(t.Context(), s.ID, s.Generation, next); err != nil || !won {
		t.Errorf("Advance = %t, %v", won, err)
	}
	s.Register = next
}

// Thousands of sessions expire at once. They are removed a few hundred at a time, no
// table is locked, and rotations go on beside.
func TestExpiredSessionsLeaveQuietly(t *testing.T) {
	t.Parallel()
	p := newPostgres(t, "autovacuum=off") // which may lock the table to shorten it
	db, err := sqlstore.OpenPostgres(t.Context(), p.address(""), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store := db.Set().Sessions
	const old, atOnce = 4000, 500
	now := time.Now().UTC().Truncate(time.Microsecond)
	populate(t, store, old, now.Add(-time.Hour))
	all := populate(t, store, 8, now.Add(time.Hour))
	// The server tells how many rows each statement removed.
	p.command(`CREATE TABLE removed (n bigint)`,
		`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO removed SELECT count(*) FROM gone; RETURN NULL; END'`,
		`CREATE TRIGGER note AFTER DELETE ON watchword_sessions REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note()`)

	done := make(chan struct{})
	var beside sync.WaitGroup
	var rotations, looks atomic.Int64
	for i := range all {
		beside.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				rotate(t, store, &all[i])
				rotations.Add(1)
			}
		})
	}
	beside.Go(func() {
		raw, err := sql.Open("pgx", p.address(""))
		if err != nil {
			t.Error(err)
			return
		}
		defer raw.Close()
		for {
			select {
			case <-done:
				return
			default:
			}
			var modes int
			if err := raw.QueryRow(`SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND relation = 'watchword_sessions'::regclass
				AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock')`).Scan(&modes); err != nil || modes > 0 {
				t.Errorf("%d locks keep others from the table, %v", modes, err)
				return
			}
			looks.Add(1)
		}
	})
	stop := sync.OnceFunc(func() {
		close(done)
		beside.Wait()
	})
	defer stop()
	eventually(t, time.Minute, "others are at work", func() error {
		if rotations.Load() == 0 || looks.Load() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	forgotten := 0
	for n := -1; n != 0; forgotten += n {
		if n, err = store.Forget(t.Context(), now, 1500); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	largest := ask[int](t, p, `SELECT max(n) FROM removed`)
	sum := ask[int](t, p, `SELECT sum(n)::bigint FROM removed`)
	t.Logf("%d sessions forgotten, at most %d at once; meanwhile %d rotations, and %d looks at the locks", forgotten, largest, rotations.Load(), looks.Load())
	if forgotten != old || sum != old || largest > atOnce || rotations.Load() == 0 || looks.Load() == 0 {
		t.Errorf("%d were forgotten and %d removed, want %d, and at most %d at once", forgotten, sum, old, atOnce)
	}
}
