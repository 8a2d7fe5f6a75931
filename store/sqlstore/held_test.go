package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// hold has somebody else do something to a session's row in a transaction, and returns
// what ends that: by a commit, or by a rollback.
func (r remote) hold(t *testing.T, address, set string, id session.ID) *sql.Tx {
	t.Helper()
	raw, err := sql.Open(r.driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	tx, err := raw.BeginTx(context.WithoutCancel(t.Context()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() })
	literal := "'" + hex.EncodeToString(id[:]) + "'"
	if r.driver == "mysql" {
		literal = "x" + literal
	}
	result, err := tx.ExecContext(t.Context(), `UPDATE watchword_sessions SET `+set+` WHERE id = `+literal)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); n != 1 || err != nil {
		t.Fatalf("%d rows are held, %v", n, err)
	}
	return tx
}

const (
	touched = `client_id = 'touched'` // what no refresh looks at
	revoked = `revoked_at = 1, revoked_reason = 'signed_out'`
)

// people begins sessions of users who are there.
func people(t *testing.T, db *sqlstore.DB, n int) []session.Session {
	t.Helper()
	set := db.Set()
	all := make([]session.Session, n)
	for i := range all {
		s := birth(randomID())
		s.UserID = account.ID(randomID())
		key := s.ID.String()
		if err := set.Users.Add(t.Context(), account.User{ID: s.UserID, UsernameKey: key, EmailKey: key, Epoch: 1, EpochAt: s.CreatedAt, CreatedAt: s.CreatedAt}); err != nil {
			t.Fatal(err)
		}
		if err := set.Sessions.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		all[i] = s
	}
	return all
}

// refreshing is how a session's register may be written.
type refreshing struct {
	next   func(session.Register) session.Register
	write  func(ctx context.Context, store session.Store, s session.Session, next session.Register) (bool, error)
	raises uint64
}

const keeping = "Advance that keeps the generation"

var refreshings = map[string]refreshing{
	"Advance": {next: following, raises: 1, write: advance},
	keeping: {write: advance, next: func(r session.Register) session.Register {
		r.EmittedAt = r.EmittedAt.Add(time.Second)
		return r
	}},
	"Step": {next: following, raises: 1, write: func(ctx context.Context, store session.Store, s session.Session, next session.Register) (bool, error) {
		return store.(session.Stepper).Step(ctx, s.ID, func(found session.Session, _ account.User) (session.Register, bool) {
			next.Generation = found.Generation + 1
			return next, true
		})
	}},
}

func following(r session.Register) session.Register {
	r.Generation++
	return r
}

func advance(ctx context.Context, store session.Store, s session.Session, next session.Register) (bool, error) {
	return store.Advance(ctx, s.ID, s.Generation, next)
}

// eachRefreshing runs a test on each kind of server, for each of these ways.
func eachRefreshing(t *testing.T, ways []string, test func(t *testing.T, r remote, how refreshing)) {
	t.Helper()
	eachRemote(t, func(t *testing.T, r remote) {
		for _, name := range ways {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, r, refreshings[name])
			})
		}
	})
}

// generation is a session's, as it is stored.
func generation(t *testing.T, store session.Store, id session.ID) uint64 {
	t.Helper()
	found, err := store.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return found.Generation
}

// An operator has changed a session's row and not committed, and goes to lunch.
func TestALockedSessionHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	eachRefreshing(t, []string{"Advance", keeping, "Step"}, func(t *testing.T, r remote, how refreshing) {
		address := r.empty(t)
		db := r.connect(t, address)
		store := db.Set().Sessions
		all := people(t, db, 65)
		locked, others := all[0], all[1:]
		lunch := r.hold(t, address, touched, locked.ID)

		// Whoever had to wait for that row, or behind one who does, would wait for a batch's limit of 10 s.
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		const times = 3
		done := make(chan struct{})
		var told, group sync.WaitGroup
		for range 4 {
			told.Go(func() {
				for again := true; again; { // there is somebody to be told as long as the others refresh
					select {
					case <-done:
						again = false
					default:
					}
					won, err := how.write(t.Context(), store, locked, how.next(locked.Register))
					if won || !errors.Is(err, sqlstore.ErrUnavailable) || !strings.Contains(err.Error(), "another transaction holds") {
						t.Errorf("who wants the locked session is told %v, %v; want %v, and why", won, err, sqlstore.ErrUnavailable)
						return
					}
				}
			})
		}
		for _, s := range others {
			group.Go(func() {
				for range times {
					next := how.next(s.Register)
					if won, err := how.write(ctx, store, s, next); !won || err != nil {
						t.Errorf("another refresh = %v, %v", won, err)
						return
					}
					s.Register = next
				}
			})
		}
		group.Wait()
		close(done)
		told.Wait()

		for _, s := range others {
			if got, want := generation(t, store, s.ID), 1+times*how.raises; got != want {
				t.Errorf("a session is at generation %d, want %d", got, want)
			}
		}
		if got := generation(t, store, locked.ID); got != 1 {
			t.Errorf("the locked session is at generation %d, want 1", got)
		}
		if err := lunch.Rollback(); err != nil {
			t.Fatal(err)
		}
		if won, err := how.write(t.Context(), store, locked, how.next(locked.Register)); !won || err != nil {
			t.Errorf("when the lock is gone: %v, %v", won, err)
		}
	})
}

// That none of the others waits is so within a batch: whoever comes first.
func TestABatchIsWrittenWithoutWhomSomebodyElseHolds(t *testing.T) {
	t.Parallel()
	eachRefreshing(t, []string{"Advance", keeping}, func(t *testing.T, r remote, how refreshing) {
		address := r.empty(t)
		db := r.connect(t, address)
		store := db.Set().Sessions
		const many, each = 64, 16 // the first of each sixteen is locked
		all := people(t, db, many)
		for i := 0; i < many; i += each {
			r.hold(t, address, touched, all[i].ID)
		}
		ended, forged := all[1], &all[2]
		if _, err := store.Revoke(t.Context(), ended.ID, session.Tombstone{At: ended.CreatedAt}); err != nil {
			t.Fatal(err)
		}
		forged.Generation += 7 // of another time
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		won, held, err := sqlstore.TakeTogether(ctx, store, all, how.next)
		if err != nil {
			t.Fatal(err)
		}
		if r.driver == "pgx" && !sqlstore.HasMetHeld(db) {
			t.Error("the next batch tries to have them again, and makes all others wait")
		}
		for i, s := range all {
			locked := i%each == 0
			if want := !locked && i != 1 && i != 2; won[i] != want || held[i] != locked {
				t.Errorf("%d: won = %v, held = %v; want %v, %v", i, won[i], held[i], want, locked)
			}
			want := uint64(1)
			if won[i] {
				want += how.raises
			}
			if got := generation(t, store, s.ID); got != want {
				t.Errorf("%d: generation %d, want %d", i, got, want)
			}
		}
	})
}

// waited does something and waits until the store was asked for as many rotations: of
// those who met a locked row some asked again.
func waited(t *testing.T, store session.Store, calls int, during func()) {
	t.Helper()
	asked := func() uint64 {
		return store.(interface{ Batches() map[string]batch.Sizes }).Batches()["advance"].Calls
	}
	before, start := asked(), time.Now()
	during()
	for asked() < before+uint64(calls) {
		if time.Since(start) > time.Minute {
			t.Fatalf("%d asked for rotations, want %d", asked()-before, calls)
		}
		runtime.Gosched()
	}
}

// Whoever waits for a row finds what was committed meanwhile: a revocation wins.
func TestWhoWaitedForALockFindsWhatItsHolderDid(t *testing.T) {
	t.Parallel()
	eachRefreshing(t, []string{"Advance", keeping}, func(t *testing.T, r remote, how refreshing) {
		address := r.empty(t)
		db := r.connect(t, address)
		store := db.Set().Sessions
		for name, row := range map[string]struct {
			does string
			end  func(*sql.Tx) error
			wins bool   // somebody who waited
			at   uint64 // the generation, if nobody does
		}{
			"a revocation":                {revoked, (*sql.Tx).Commit, false, 1},
			"a revocation that is undone": {revoked, (*sql.Tx).Rollback, true, 1},
			"another rotation":            {`generation = 2`, (*sql.Tx).Commit, false, 2},
			"something else":              {touched, (*sql.Tx).Commit, true, 1},
		} {
			s := people(t, db, 1)[0]
			tx := r.hold(t, address, row.does, s.ID)
			const rivals = 8
			var won atomic.Int64
			var group sync.WaitGroup
			waited(t, store, 2*rivals, func() {
				for range rivals {
					group.Go(func() {
						winner, err := advance(t.Context(), store, s, how.next(s.Register))
						switch {
						case winner:
							won.Add(1)
						case err != nil && !errors.Is(err, sqlstore.ErrUnavailable): // on a machine that stood still
							t.Errorf("%s: %v", name, err)
						}
					})
				}
			})
			if err := row.end(tx); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			switch won := won.Load(); {
			case won > 0 && !row.wins, won > 1 && how.raises > 0:
				t.Errorf("%s: %d won", name, won)
			default:
				if got, want := generation(t, store, s.ID), row.at+uint64(won)*how.raises; got != want {
					t.Errorf("%s: generation %d after %d won, want %d", name, got, won, want)
				}
			}
			late, err := advance(t.Context(), store, s, how.next(s.Register))
			if want := row.wins && (won.Load() == 0 || how.raises == 0); late != want || err != nil {
				t.Errorf("%s: who comes afterwards is told %v, %v; want %v", name, late, err, want)
			}
		}
	})
}

// A server that cannot leave out what is locked decides as before.
func TestAnOldMySQLStillRotates(t *testing.T) {
	t.Parallel()
	r := remotes["mysql"]
	db := r.connect(t, r.empty(t))
	sqlstore.AsOnAnOldServer(db)
	store := db.Set().Sessions
	all := people(t, db, 3)
	if _, err := store.Revoke(t.Context(), all[1].ID, session.Tombstone{At: all[1].CreatedAt}); err != nil {
		t.Fatal(err)
	}
	all = append(all, all[2]) // a rival
	won, held, err := sqlstore.TakeTogether(t.Context(), store, all, following)
	if want := []bool{true, false, true, false}; !slices.Equal(won, want) || slices.Contains(held, true) || err != nil {
		t.Errorf("won = %v, held = %v, %v; want %v", won, held, err, want)
	}
}

// How long a batch waits is its own matter. A revocation, on the same connections, waits on.
func TestABatchLeavesItsConnectionAsItWas(t *testing.T) {
	t.Parallel()
	r := remotes["postgres"]
	db := r.connect(t, r.empty(t))
	s := people(t, db, 1)[0]
	for _, how := range []string{keeping, "Advance"} {
		if won, err := advance(t.Context(), db.Set().Sessions, s, refreshings[how].next(s.Register)); !won || err != nil {
			t.Fatalf("%s = %v, %v", how, won, err)
		}
	}
	got, err := sqlstore.LockTimeouts(t.Context(), db)
	if want := []string{"0", "0"}; !slices.Equal(got, want) || err != nil {
		t.Errorf("lock_timeout = %v, %v; want %v", got, err, want)
	}
}
