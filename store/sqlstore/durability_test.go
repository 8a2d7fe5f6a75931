package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
)

// open opens a SQLite database in a folder of its own.
func open(t testing.TB) *DB {
	t.Helper()
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "watchword.db"), Options{})
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

// begin puts a session into the store and returns it.
func begin(t testing.TB, db *DB, n int) session.Session {
	t.Helper()
	s := benchSession(n)
	if err := db.Set().Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// stepping begins a session of a user who is there, and returns what rotates it by a step.
func stepping(t testing.TB, db *DB, n int) (session.Session, func() (bool, error)) {
	t.Helper()
	s := benchSession(n)
	s.UserID[0] = 1
	if err := db.Set().Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	u := account.User{ID: s.UserID, UsernameKey: s.ID.String(), EmailKey: s.ID.String(), Epoch: 1, EpochAt: s.CreatedAt, CreatedAt: s.CreatedAt}
	if err := db.Set().Users.Add(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return s, func() (bool, error) {
		return db.Set().Sessions.(session.Stepper).Step(t.Context(), s.ID, func(found session.Session, _ account.User) (session.Register, bool) {
			return rotated(found.Register), true
		})
	}
}

// rotated is the register that follows.
func rotated(r session.Register) session.Register {
	r.Generation++
	return r
}

func TestEachConnectionIsOfItsKind(t *testing.T) {
	t.Parallel()
	db := open(t)
	const off, normal, full = "0", "1", "2"
	common := map[string]string{
		"journal_mode": "wal", "page_size": "1024", "wal_autocheckpoint": "0", "foreign_keys": "1", "trusted_schema": "0", "fullfsync": "1",
	}
	for name, row := range map[string]struct {
		pool *pool
		want map[string]string
	}{
		"durable": {db.durable, map[string]string{"synchronous": full, "query_only": off}},
		"relaxed": {db.relaxed, map[string]string{"synchronous": normal, "query_only": off}},
		"reading": {db.reading, map[string]string{"query_only": "1"}},
		"keeping": {db.keeper.keeping, map[string]string{"synchronous": full, "checkpoint_fullfsync": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask := func(conn *sql.Conn, pragma string) (value string) {
				t.Helper()
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value); err != nil {
					t.Fatal(err)
				}
				return value
			}
			// All connections that the pool may have, and those that follow when they are lost.
			for range 2 {
				var conns []*sql.Conn
				for range row.pool.Stats().MaxOpenConnections {
					conn, err := row.pool.Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					conns = append(conns, conn)
					for _, settings := range []map[string]string{common, row.want} {
						for pragma, want := range settings {
							if got := ask(conn, pragma); got != want {
								t.Errorf("%s = %s, want %s", pragma, got, want)
							}
						}
					}
					if got := ask(conn, "busy_timeout"); got == "0" {
						t.Error("there is no busy timeout")
					}
				}
				for _, conn := range conns {
					conn.Raw(func(any) error { return errLost })
					conn.Close()
				}
			}
		})
	}
}

// errLost makes database/sql drop a connection.
var errLost = errors.New("lost")

// What is written with which durability is asked of SQLite's log: a durable
// commit that follows an undurable one would hide the difference, so each verb
// must leave the connection of its class with the changes, and no other.
func TestEachVerbIsAsDurableAsItMustBe(t *testing.T) {
	t.Parallel()
	db := open(t)
	set := db.Set()
	s, stepped := stepping(t, db, 1)
	changes := func(p *pool) (n int) {
		t.Helper()
		if err := p.QueryRowContext(t.Context(), "SELECT total_changes()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	type count struct{ durable, relaxed int }
	var advanced session.Register
	for _, step := range []struct {
		verb string
		do   func() error
		want count
	}{
		{"Begin", func() error { return set.Sessions.Begin(t.Context(), benchSession(2)) }, count{durable: 1}},
		{"Advance", func() error {
			advanced = rotated(s.Register)
			_, err := set.Sessions.Advance(t.Context(), s.ID, 1, advanced)
			return err
		}, count{relaxed: 1}},
		{"Advance that keeps the generation", func() error {
			_, err := set.Sessions.Advance(t.Context(), s.ID, advanced.Generation, advanced)
			return err
		}, count{durable: 1}},
		{"Step", func() error {
			_, err := stepped()
			return err
		}, count{relaxed: 1}},
		{"Revoke", func() error {
			_, err := set.Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: s.CreatedAt})
			return err
		}, count{durable: 1}},
		{"RevokeUser", func() error {
			_, err := set.Sessions.RevokeUser(t.Context(), benchSession(2).UserID, session.ID{}, session.Tombstone{At: s.CreatedAt})
			return err
		}, count{durable: 1}},
	} {
		before := count{changes(db.durable), changes(db.relaxed)}
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.verb, err)
		}
		got := count{changes(db.durable) - before.durable, changes(db.relaxed) - before.relaxed}
		if got != step.want {
			t.Errorf("%s changed %+v rows, want %+v", step.verb, got, step.want)
		}
	}
}

func TestARotationIsFollowedByADurableCommitInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		s, step := stepping(t, db, 1)
		written := func() (n int) {
			if err := db.reading.QueryRowContext(t.Context(), "SELECT written FROM watchword_sync").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		rotate := func() {
			advance := func() (bool, error) {
				return db.Set().Sessions.Advance(t.Context(), s.ID, s.Generation, rotated(s.Register))
			}
			if s.Generation%2 == 0 {
				advance = step
			}
			if won, err := advance(); !won || err != nil {
				t.Fatalf("generation %d: it advanced = %v, %v", s.Generation, won, err)
			}
			s.Generation++
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := written(); n != 0 {
			t.Errorf("%d commits, and nothing was rotated", n)
		}
		for day := range 3 {
			rotate()
			time.Sleep(session.SyncWithin)
			synctest.Wait()
			if n := written(); n != day+1 {
				t.Errorf("%d commits after %d rotations", n, day+1)
			}
			time.Sleep(24 * time.Hour) // the keeper sleeps, too: nothing is owed
			synctest.Wait()
			if n := written(); n != day+1 {
				t.Errorf("%d commits after %d rotations, a day later", n, day+1)
			}
		}

		rotate()
		db.keeper.close()
		if n := written(); n != 4 {
			t.Errorf("%d commits after the end", n)
		}
	})
}

func TestARotationThatCouldNotBeSyncedIsSyncedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		var log strings.Builder
		db.logger = slog.New(slog.NewTextHandler(&log, nil))
		s := begin(t, db, 1)
		if _, err := db.durable.Exec("PRAGMA query_only = 1"); err != nil {
			t.Fatal(err)
		}
		if won, err := db.Set().Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register)); !won || err != nil {
			t.Fatalf("Advance = %v, %v", won, err)
		}
		time.Sleep(session.SyncWithin)
		synctest.Wait()
		if !db.keeper.owing.Load() || !strings.Contains(log.String(), "looking after the database failed") {
			t.Errorf("nothing is owed, or nothing was said: %s", log.String())
		}
		if _, err := db.durable.Exec("PRAGMA query_only = 0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(session.SyncWithin)
		synctest.Wait()
		if db.keeper.owing.Load() {
			t.Error("it was not tried again")
		}
	})
}

func TestTheLogIsEmptiedUnderConstantLoad(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.keeper.limit = 2 << 20
	s, large := begin(t, db, 1), begin(t, db, 2)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { // somebody always reads
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := db.Set().Sessions.Find(t.Context(), s.ID); err != nil {
				t.Errorf("Find: %v", err)
				return
			}
		}
	})
	// Each commit adds a quarter of a MiB. That the log shrinks is the keeper's
	// doing: SQLite by itself reuses it at best.
	var largest, last int64
	shrunk, total := 0, 24*db.keeper.limit
	for written := int64(0); written < total; written += 1 << 18 {
		if _, err := db.exec(t.Context(), `UPDATE watchword_sessions SET client_id = ? WHERE user_id = ?`, strings.Repeat(string(rune('a'+written>>18%2)), 1<<18), large.UserID[:]); err != nil {
			t.Fatal(err)
		}
		size := logSize(db.keeper.log)
		if size < last {
			shrunk++
		}
		largest, last = max(largest, size), size
	}
	close(stop)
	group.Wait()
	if shrunk == 0 { // how often, and how large it grows, depends on how busy the machine is
		t.Errorf("the log grew to %d MiB and never shrank while %d MiB were written", largest>>20, total>>20)
	}
	t.Logf("the log was at most %d MiB and shrank %d times while %d MiB were written", largest>>20, shrunk, total>>20)
}

func TestAStatementIsPreparedOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	first, err := db.reading.statement(t.Context(), `SELECT 1`)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := db.reading.statement(t.Context(), `SELECT 1`); second != first || err != nil {
		t.Errorf("it was prepared again: %v", err)
	}
}

// A rotation must write one page of one table and of no index.
func TestNoIndexHoldsWhatARotationChanges(t *testing.T) {
	t.Parallel()
	db := open(t)
	indexed, err := all(t.Context(), db, db.reading, scanned[string], `
		SELECT DISTINCT c.name FROM pragma_index_list('watchword_sessions') AS i, pragma_index_xinfo(i.name) AS c
		WHERE c.key = 1 ORDER BY c.name`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"created_at", "expires_at", "revoked_at", "user_id"}, indexed); diff != "" {
		t.Errorf("indexed columns (-want +got):\n%s", diff)
	}
}

// Two user agents would be half of a session's bytes.
func TestWhatIsAsAtBirthIsNotKeptTwice(t *testing.T) {
	t.Parallel()
	db := open(t)
	s := begin(t, db, 1)
	kept := func(want int) {
		t.Helper()
		got, err := all(t.Context(), db, db.reading, scanned[int], `SELECT count(seen_ip) + count(seen_user_agent) FROM watchword_sessions`)
		if err != nil || got[0] != want {
			t.Errorf("%v texts are kept, %v; want %d", got, err, want)
		}
	}
	kept(0)
	next := rotated(s.Register)
	for _, row := range []struct {
		seen session.Origin
		want int
	}{{session.Origin{IP: "192.0.2.99"}, 2}, {session.Origin{IP: s.Birth.IP}, 1}, {s.Birth, 0}} {
		next.LastSeen = row.seen
		if won, err := db.Set().Sessions.Advance(t.Context(), s.ID, next.Generation-1, next); !won || err != nil {
			t.Fatalf("Advance = %v, %v", won, err)
		}
		kept(row.want)
		next.Generation++
	}
}

// counting is a connection that counts its transactions.
type counting struct {
	driver.Conn
	begun *atomic.Int64
}

func (c counting) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.begun.Add(1)
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func TestDurableWritesThatMeetShareACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		var begun atomic.Int64
		address := sqliteAddress(strings.TrimSuffix(db.keeper.log, "-wal"), sqliteDurable)
		intact := db.durable
		db.durable = newPool(sql.OpenDB(connector(func() (driver.Conn, error) {
			conn, err := intact.Driver().Open(address)
			return counting{conn, &begun}, err
		})), 1)
		t.Cleanup(func() { intact.Close() })

		if err := db.gate.enter(t.Context()); err != nil { // somebody else writes
			t.Fatal(err)
		}
		const n = 100
		errs := make([]error, n)
		impatient, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range n {
			s, ctx := benchSession(i), t.Context()
			if i == 50 || i == 51 {
				s.ID = session.ID{1} // one of them is too late
			}
			if i == 60 {
				ctx = impatient
			}
			group.Go(func() { errs[i] = db.Set().Sessions.Begin(ctx, s) })
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		db.gate.leave()
		group.Wait()

		taken := 0
		for i, err := range errs {
			switch {
			case i == 60:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("who left got %v, want %v", err, context.Canceled)
				}
			case (i == 50 || i == 51) && errors.Is(err, session.ErrExists):
				taken++
			case err != nil:
				t.Errorf("write %d: %v", i, err)
			}
		}
		if taken != 1 {
			t.Errorf("of two sessions with one id %d were refused", taken)
		}
		if alive, err := db.Set().Sessions.Count(t.Context(), benchSession(0).CreatedAt); alive != n-2 || err != nil {
			t.Errorf("%d sessions are there, %v; want %d", alive, err, n-2)
		}
		// The first was on its way alone; the others gathered behind it.
		if begun.Load() > 2 {
			t.Errorf("%d writes took %d commits", n, begun.Load())
		}
	})
}

func TestAFullDiskIsUnavailableAndHeals(t *testing.T) {
	t.Parallel()
	db := open(t)
	s := begin(t, db, 1)
	limit := func(pages string) {
		t.Helper()
		if _, err := db.durable.ExecContext(t.Context(), `PRAGMA max_page_count = `+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // no page can be added from now on
	var err error
	for n := 2; err == nil && n < 1000; n++ {
		err = db.Set().Sessions.Begin(t.Context(), benchSession(n))
	}
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "the disk is full: free some space") || !strings.Contains(err.Error(), db.keeper.log[:len(db.keeper.log)-len("-wal")]) {
		t.Errorf("Begin = %v, want %v, with the file and a hint", err, ErrUnavailable)
	}
	if _, err := db.Set().Sessions.Find(t.Context(), s.ID); err != nil {
		t.Errorf("meanwhile Find = %v", err)
	}
	limit("1000000")
	if err := db.Set().Sessions.Begin(t.Context(), benchSession(1000)); err != nil {
		t.Errorf("afterwards Begin = %v", err)
	}
}

// Whose token needs no replacement yet is served from what can be read.
func TestAStepThatChangesNothingDoesNotFailWithTheDisk(t *testing.T) {
	t.Parallel()
	db := open(t)
	keeper, _ := stepping(t, db, 1)
	rotator, rotate := stepping(t, db, 1000)
	if _, err := db.relaxed.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	outcomes, err := sessions{db}.stepAll(t.Context(), []step{
		{keeper.ID, func(session.Session, account.User) (session.Register, bool) { return session.Register{}, false }},
		{rotator.ID, func(found session.Session, _ account.User) (session.Register, bool) {
			return rotated(found.Register), true
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (stepped{won: true}); outcomes[0] != want {
		t.Errorf("the one that changes nothing: %+v", outcomes[0])
	}
	if outcomes[1].rotation == nil {
		t.Errorf("the one that rotates: %+v, want that Advance is tried", outcomes[1])
	}
	if won, err := rotate(); won || !errors.Is(err, ErrUnavailable) {
		t.Errorf("Step = %v, %v; want %v", won, err, ErrUnavailable)
	}
}

// Nor does it wait for those who write.
func TestAStepThatChangesNothingDoesNotWaitForWriters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		s, step := stepping(t, db, 1)
		if err := db.gate.enter(t.Context()); err != nil { // a commit that the disk keeps waiting
			t.Fatal(err)
		}
		rotated := make(chan bool)
		go func() {
			won, err := step()
			rotated <- won && err == nil
		}()
		synctest.Wait()
		began := time.Now()
		for range 3 {
			won, err := db.Set().Sessions.(session.Stepper).Step(t.Context(), s.ID, func(session.Session, account.User) (session.Register, bool) {
				return session.Register{}, false
			})
			if !won || err != nil {
				t.Errorf("Step = %v, %v", won, err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it waited for %v", waited)
		}
		db.gate.leave()
		if !<-rotated {
			t.Error("who waited to rotate did not")
		}
	})
}

func TestALockedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t)
	s, _ := stepping(t, db, 1)
	other, err := OpenSQLite(t.Context(), strings.TrimSuffix(db.keeper.log, "-wal"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.durable.Begin() // as another process would, and stay
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()

	for verb, write := range map[string]func(ctx context.Context) error{
		"Advance": func(ctx context.Context) error {
			_, err := db.Set().Sessions.Advance(ctx, s.ID, 1, rotated(s.Register))
			return err
		},
		"Step": func(ctx context.Context) error {
			_, err := db.Set().Sessions.(session.Stepper).Step(ctx, s.ID, func(found session.Session, _ account.User) (session.Register, bool) {
				return rotated(found.Register), true
			})
			return err
		},
		"Revoke": func(ctx context.Context) error {
			_, err := db.Set().Sessions.Revoke(ctx, s.ID, session.Tombstone{At: s.CreatedAt})
			return err
		},
		"RevokeUser": func(ctx context.Context) error {
			_, err := db.Set().Sessions.RevokeUser(ctx, s.UserID, session.ID{}, session.Tombstone{At: s.CreatedAt})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begin := time.Now()
		if err := write(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, want %v", verb, err, context.DeadlineExceeded)
		}
		if took := time.Since(begin); took > patience/2 {
			t.Errorf("%s took %v, though its context ended after 50ms", verb, took)
		}
		cancel()
	}
	if _, err := db.Set().Sessions.Find(t.Context(), s.ID); err != nil {
		t.Errorf("meanwhile Find = %v", err)
	}
	if _, err := db.Set().Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: s.CreatedAt}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a limit Revoke = %v, want %v", err, ErrUnavailable)
	}
	tx.Rollback()
	if did, err := db.Set().Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: s.CreatedAt}); !did || err != nil {
		t.Errorf("afterwards Revoke = %v, %v", did, err)
	}
}

func TestAWriterWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	db := open(t)
	s := begin(t, db, 1)
	other, err := OpenSQLite(t.Context(), strings.TrimSuffix(db.keeper.log, "-wal"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.durable.Begin()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	const held = time.Second // far longer than SQLite waits by itself
	time.AfterFunc(held, func() { tx.Rollback() })
	if did, err := db.Set().Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: s.CreatedAt}); !did || err != nil {
		t.Errorf("Revoke = %v, %v", did, err)
	}
	if took := time.Since(begin); took < held {
		t.Errorf("it took %v, though the file was locked for %v", took, held)
	}
}

func TestAfterCloseEverythingIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "watchword.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, step := stepping(t, db, 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for verb, err := range map[string]error{
		"Begin": db.Set().Sessions.Begin(t.Context(), benchSession(2)),
		"Find":  func() error { _, err := db.Set().Sessions.Find(t.Context(), s.ID); return err }(),
		"Step":  func() error { _, err := step(); return err }(),
		"Advance": func() error {
			_, err := db.Set().Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))
			return err
		}(),
	} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s = %v, want %v", verb, err, ErrUnavailable)
		}
	}
}

func TestEachPostgresConnectionIsOfItsKind(t *testing.T) {
	t.Parallel()
	address := servertest.EmptyPostgres(t, servertest.Address(t, "postgres", "WATCHWORD_TEST_POSTGRES_URL"))
	for _, row := range []struct {
		options          Options
		durable, relaxed string
	}{
		{Options{}, "on", "off"},
		{Options{DurableRotations: true}, "on", "on"},
	} {
		db, err := OpenPostgres(t.Context(), address, row.options)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []struct {
			name string
			pool *pool
			want string
		}{{"durable", db.durable, row.durable}, {"relaxed", db.relaxed, row.relaxed}} {
			var got string
			if err := kind.pool.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != kind.want {
				t.Errorf("%+v: synchronous_commit of the %s pool is %s, want %s", row.options, kind.name, got, kind.want)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
