package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
)

// statementLog is the statements that were executed.
type statementLog struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (l *statementLog) record(statement string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[strings.Join(strings.Fields(statement), " ")] = true
}

// recorder is a connector whose connections log their statements.
type recorder struct {
	driver  driver.Driver
	address string
	*statementLog
}

func (r *recorder) Driver() driver.Driver { return r.driver }

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	conn, err := r.driver.Open(r.address)
	return recording{conn, r}, err
}

type recording struct {
	driver.Conn
	*recorder
}

func (c recording) Prepare(statement string) (driver.Stmt, error) {
	c.record(statement)
	return c.Conn.Prepare(statement)
}

func (c recording) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

// record makes the pool remember its statements.
func record(p *pool, path string, kind []string, log *statementLog) {
	r := &recorder{driver: p.Driver(), address: sqliteAddress(path, kind), statementLog: log}
	connections := p.Stats().MaxOpenConnections
	p.DB.Close()
	*p = pool{DB: sql.OpenDB(r), prepared: map[string]*sql.Stmt{}}
	p.SetMaxOpenConns(connections)
}

// breaking is a connection whose answers break off after the first row.
type breaking struct{ driver.Conn }

type breakingStatement struct{ driver.Stmt }

type breakingRows struct {
	driver.Rows
	read int
}

func (c breaking) Prepare(statement string) (driver.Stmt, error) {
	prepared, err := c.Conn.Prepare(statement)
	return breakingStatement{prepared}, err
}

func (s breakingStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	return &breakingRows{Rows: rows}, err
}

func (r *breakingRows) Next(row []driver.Value) error {
	if r.read++; r.read > 1 {
		return errLost
	}
	return r.Rows.Next(row)
}

// A list that broke off must never pass for one that is short: of revocations,
// above all.
func TestABrokenAnswerIsAnError(t *testing.T) {
	t.Parallel()
	db := open(t)
	for n := range 3 {
		s := begin(t, db, n)
		if _, err := db.Set().Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: s.CreatedAt}); err != nil {
			t.Fatal(err)
		}
	}
	address := sqliteAddress(strings.TrimSuffix(db.keeper.log, "-wal"), sqliteReading)
	intact := db.reading
	db.durableRotations = true // so that Find, too, reads there
	db.reading = newPool(sql.OpenDB(connector(func() (driver.Conn, error) {
		conn, err := intact.Driver().Open(address)
		return breaking{conn}, err
	})), 1)
	t.Cleanup(func() { intact.Close() })
	if list, err := db.Set().Sessions.RevokedSince(t.Context(), time.Time{}); list != nil || !errors.Is(err, errLost) {
		t.Errorf("RevokedSince = %v, %v; want %v", list, err, errLost)
	}
	if _, err := db.Set().Sessions.Find(t.Context(), benchSession(0).ID); !errors.Is(err, errLost) {
		t.Errorf("Find = %v, want %v", err, errLost)
	}
}

// connector makes connections by a function.
type connector func() (driver.Conn, error)

func (c connector) Connect(context.Context) (driver.Conn, error) { return c() }
func (c connector) Driver() driver.Driver                        { return nil }

func TestNothingReadsAWholeTable(t *testing.T) {
	t.Parallel()
	db := open(t)
	path := strings.TrimSuffix(db.keeper.log, "-wal")
	log := &statementLog{seen: map[string]bool{}}
	record(db.reading, path, sqliteReading, log)
	record(db.durable, path, sqliteDurable, log)
	record(db.relaxed, path, sqliteRelaxed, log)
	everything(t, db)

	var scans []string
	for _, statement := range slices.Sorted(maps.Keys(log.seen)) {
		steps, err := all(t.Context(), db, db.keeper.keeping, func(r row) (step string, err error) {
			var ignored any
			return step, r.Scan(&ignored, &ignored, &ignored, &step)
		}, `EXPLAIN QUERY PLAN `+statement, make([]any, strings.Count(statement, "?"))...)
		if err != nil {
			t.Fatalf("explain %s: %v", statement, err)
		}
		for _, step := range steps {
			table, scanned := strings.CutPrefix(step, "SCAN ")
			if scanned && (strings.HasPrefix(table, "watchword_") || table == "s" || table == "u") && !strings.Contains(step, "INDEX") {
				scans = append(scans, statement)
			}
		}
	}
	// Only what must count all sessions, and what reads a handful of keys, does.
	want := []string{
		`SELECT count(*) FROM watchword_sessions WHERE revoked_at IS NULL AND +expires_at > ? AND idle_until > ?`,
		`SELECT number, id, algorithm, public, sealed, created_at, active_at, retired_at, revoked_at FROM watchword_keys ORDER BY number`,
	}
	if diff := cmp.Diff(want, scans); diff != "" {
		t.Errorf("statements that read a whole table (-want +got):\n%s", diff)
	}
	if len(log.seen) < 25 {
		t.Errorf("only %d statements were seen", len(log.seen))
	}
}

// everything calls each verb of each store in each of its ways.
func everything(t *testing.T, db *DB) {
	t.Helper()
	ctx, set, s := t.Context(), db.Set(), benchSession(1)
	s.UserID[0] = 1
	now, yes := s.CreatedAt, true
	u := account.User{ID: s.UserID, UsernameKey: "anna", EmailKey: "anna", CreatedAt: now, EpochAt: now}
	tombstone := session.Tombstone{At: now, Reason: session.SignedOut}
	for verb, call := range []func() error{
		func() error { return set.Users.Add(ctx, u) },
		func() error { set.Users.Add(ctx, u); return nil },
		func() error { _, err := set.Users.Find(ctx, u.ID); return err },
		func() error { _, err := set.Users.FindByUsername(ctx, "anna"); return err },
		func() error { _, err := set.Users.FindByEmail(ctx, "anna"); return err },
		func() error { _, err := set.Users.List(ctx, account.Query{}); return err },
		func() error { _, err := set.Users.List(ctx, account.Query{Search: "a"}); return err },
		func() error {
			_, err := set.Users.List(ctx, account.Query{Search: "a", Role: "x", Blocked: &yes, Before: u.ID})
			return err
		},
		func() error { _, _, err := set.Users.Count(ctx); return err },
		func() error { _, err := set.Users.ReplaceHash(ctx, u.ID, "", "x"); return err },
		func() error { _, err := set.Users.SetPassword(ctx, u.ID, "x", now); return err },
		func() error { _, err := set.Users.SetRoles(ctx, u.ID, nil, now); return err },
		func() error { _, err := set.Users.SetBlock(ctx, u.ID, account.Block{At: now}); return err },
		func() error { _, err := set.Users.ClearBlock(ctx, u.ID, now); return err },
		func() error { _, err := set.Users.EpochsSince(ctx, now); return err },
		func() error { return set.Sessions.Begin(ctx, s) },
		func() error { _, err := set.Sessions.Find(ctx, s.ID); return err },
		func() error { _, err := set.Sessions.Advance(ctx, s.ID, 1, rotated(s.Register)); return err },
		func() error {
			_, err := set.Sessions.(session.Stepper).Step(ctx, s.ID, func(found session.Session, _ account.User) (session.Register, bool) {
				return rotated(found.Register), true
			})
			return err
		},
		func() error { _, err := set.Sessions.ByUser(ctx, s.UserID, now); return err },
		func() error { _, err := set.Sessions.Revoke(ctx, s.ID, tombstone); return err },
		func() error { return set.Sessions.Begin(ctx, benchSession(2)) },
		func() error { _, err := set.Sessions.RevokeUser(ctx, s.UserID, s.ID, tombstone); return err },
		func() error { _, err := set.Sessions.RevokedSince(ctx, now); return err },
		func() error { _, err := set.Sessions.List(ctx, session.Query{}); return err },
		func() error { _, err := set.Sessions.List(ctx, session.Query{User: s.UserID}); return err },
		func() error {
			_, err := set.Sessions.List(ctx, session.Query{User: s.UserID, Alive: now, Before: now})
			return err
		},
		func() error { _, err := set.Sessions.List(ctx, session.Query{Alive: now, Before: now}); return err },
		func() error { _, err := set.Sessions.Count(ctx, now); return err },
		func() error { _, err := set.Sessions.Forget(ctx, now.Add(365*24*time.Hour), 1); return err },
		func() error { return set.Keys.Add(ctx, signing.Record{Number: 1, ID: "k"}) },
		func() error { _, err := set.Keys.Keys(ctx); return err },
		func() error { return set.Keys.Retire(ctx, "k", now) },
		func() error { return set.Keys.Revoke(ctx, "k", now) },
		func() error { return set.Keys.Remove(ctx, "k") },
		func() error { return set.Events.Record(ctx, audit.Event{ID: u.ID, At: now, User: "a", Session: "b"}) },
		func() error { _, err := set.Events.Events(ctx, audit.Query{}); return err },
		func() error { _, err := set.Events.Events(ctx, audit.Query{User: "a", Before: u.ID}); return err },
		func() error { _, err := set.Events.Events(ctx, audit.Query{Session: "b"}); return err },
		func() error { _, err := set.Events.Events(ctx, audit.Query{Type: "c", Since: now}); return err },
		func() error { _, err := set.Events.Forget(ctx, now.Add(time.Hour), 1); return err },
	} {
		if err := call(); err != nil {
			t.Fatalf("verb %d: %v", verb, err)
		}
	}
}
