package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
)

// ownPostgres is the address of an empty database: of one, not a schema, so that
// no other test's transaction keeps old rows alive in it.
func ownPostgres(t *testing.T) string {
	t.Helper()
	address := servertest.Address(t, "postgres", "WATCHWORD_TEST_POSTGRES_URL")
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("the address of PostgreSQL is not a URL") // the error would tell the password
	}
	name := "watchword_" + strings.ToLower(rand.Text())
	servertest.Execute(t, "pgx", address, "CREATE DATABASE "+name)
	t.Cleanup(func() { servertest.Execute(t, "pgx", address, "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

func rawPostgres(t *testing.T, address string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}

func openPostgresAt(t *testing.T, address string) *DB {
	t.Helper()
	db, err := OpenPostgres(t.Context(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// people makes n sessions as people have them: begun within the last month, now and
// then a second or a third of one user, of whatever browser.
func people(n int) []session.Session {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	now := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	users := make([]account.ID, n/2)
	for i := range users {
		users[i] = uuid.New(now.Add(-time.Duration(random.Int64N(int64(365*24*time.Hour)))), rand.Reader)
	}
	list := make([]session.Session, n)
	for i := range list {
		at := now.Add(-time.Duration(n-i) * 30 * 24 * time.Hour / time.Duration(n)).Truncate(time.Microsecond)
		s := session.Session{
			UserID: users[random.IntN(len(users))], ClientID: "web", Delivery: session.Cookie, CreatedAt: at, ExpiresAt: at.Add(30 * 24 * time.Hour),
			Register: session.Register{Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(7 * 24 * time.Hour)},
		}
		rand.Read(s.ID[:])
		s.Birth.IP = fmt.Sprintf("%d.%d.%d.%d", 1+random.IntN(223), random.IntN(256), random.IntN(256), random.IntN(256))
		if i%3 == 0 {
			s.Birth.IP = fmt.Sprintf("2001:db8:%x:%x::%x", 1+random.IntN(0xffff), 1+random.IntN(0xffff), 1+random.IntN(0xffff))
		}
		s.Birth.UserAgent = agents[min(random.IntN(len(agents)), random.IntN(len(agents)))] // the first ones are more common
		s.LastSeen = s.Birth
		list[i] = s
	}
	return list
}

// bear begins sessions, many in one statement.
func bear(t *testing.T, db *DB, list []session.Session) {
	t.Helper()
	d, text := db.dialect, db.dialect.text
	const row = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?, ?)`
	for chunk := range slices.Chunk(list, 500) {
		var args []any
		for _, s := range chunk {
			args = append(args, s.ID[:], s.UserID[:], text(s.ClientID), int64(s.Delivery), micros(s.CreatedAt), micros(s.ExpiresAt), d.ip(s.Birth.IP), d.agent(s.Birth.UserAgent),
				int64(s.Generation), micros(s.RotatedAt), d.emitted(s.Register), s.RequestKey[:], micros(s.IdleUntil), d.unlessEmpty(""), d.unlessEmpty(""))
		}
		statement := `INSERT INTO watchword_sessions (` + sessionColumns + `) VALUES ` + row + strings.Repeat(`, `+row, len(chunk)-1)
		if _, err := db.relaxed.ExecContext(t.Context(), d.sql(statement), args...); err != nil {
			t.Fatal(err)
		}
	}
}

// A session on PostgreSQL, with its indexes, takes at most 250 bytes, when it is born
// and after many were rotated, and a rotation touches no index. What is asked
// of a hundred thousand is answered by an index.
func TestSessionsOnPostgresAreNarrowAndRotateInTheirPages(t *testing.T) {
	t.Parallel()
	address := ownPostgres(t)
	db, raw := openPostgresAt(t, address), rawPostgres(t, address)
	const n, rotations, most = 100_000, 40_000, 250
	list := people(n)
	bear(t, db, list)
	size := func(when string) {
		t.Helper()
		if _, err := raw.Exec(`VACUUM (ANALYZE) watchword_sessions`); err != nil {
			t.Fatal(err)
		}
		var total int
		var parts string
		if err := raw.QueryRow(`SELECT pg_total_relation_size('watchword_sessions'),
			(SELECT string_agg(relname || ' ' || round(pg_relation_size(oid) / $1::numeric, 1), ', ') FROM pg_class WHERE relname LIKE 'watchword_sessions%')`, n).Scan(&total, &parts); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s a session takes %.1f bytes: %s", when, float64(total)/n, parts)
		if total > most*n {
			t.Errorf("%s a session takes %.1f bytes, want at most %d", when, float64(total)/n, most)
		}
	}
	size("when it is born")

	// Many rotate many at once.
	order := mathrand.Perm(n)
	const clients = 64
	var group sync.WaitGroup
	sessions := db.Set().Sessions
	for client := range clients {
		group.Go(func() {
			for i := client; i < rotations; i += clients {
				s := &list[order[i]]
				next := rotated(s.Register)
				rand.Read(next.RequestKey[:])
				if won, err := sessions.Advance(context.WithoutCancel(t.Context()), s.ID, s.Generation, next); !won || err != nil {
					t.Errorf("Advance = %v, %v", won, err)
					return
				}
				s.Register = next
			}
		})
	}
	group.Wait()
	size("after it rotated")
	var updated, hot float64
	for deadline := time.Now().Add(20 * time.Second); updated < rotations && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		// The server counts with a delay.
		if err := raw.QueryRow(`SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'watchword_sessions'`).Scan(&updated, &hot); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%.2f %% of %.0f rotations were heap-only", 100*hot/updated, updated)
	if updated < rotations || hot < 0.95*updated {
		t.Errorf("%.0f of %.0f rotations were heap-only, want 95 %%", hot, updated)
	}

	d := db.dialect
	theirs, user := d.ofUser(list[0].UserID)
	created, page := d.earlier("created_at", micros(list[n/2].CreatedAt))
	expired, old := d.earlier("expires_at", micros(list[n/10].ExpiresAt))
	for name, query := range map[string]struct {
		text string
		args []any
	}{
		"ByUser":       {`SELECT id FROM watchword_sessions WHERE ` + theirs + ` AND ` + alive, append(user, 0, 0)},
		"List":         {`SELECT id FROM watchword_sessions ORDER BY ` + d.inOrder("created_at", " DESC") + `, id DESC LIMIT 50`, nil},
		"a page":       {`SELECT id FROM watchword_sessions WHERE ` + created + ` ORDER BY ` + d.inOrder("created_at", " DESC") + `, id DESC LIMIT 50`, page},
		"Forget":       {`SELECT id FROM watchword_sessions WHERE ` + expired + ` ORDER BY ` + d.inOrder("expires_at", "") + ` LIMIT 500 FOR UPDATE`, old},
		"RevokedSince": {`SELECT id FROM watchword_sessions WHERE revoked_at >= 0`, nil},
	} {
		plan, err := all(t.Context(), db, raw, scanned[string], `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) `+query.text, query.args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if told := strings.Join(plan, "\n"); !strings.Contains(told, "watchword_sessions_") || strings.Contains(told, "Seq Scan") {
			t.Errorf("%s reads the whole table:\n%s", name, told)
		}
	}
}

// Sessions of the first version are what they were.
func TestSessionsBecomeNarrowUnchanged(t *testing.T) {
	t.Parallel()
	address := ownPostgres(t)
	raw := rawPostgres(t, address)
	steps, err := readMigrations("postgres")
	if err != nil {
		t.Fatal(err)
	}
	do := func(statement string, args ...any) {
		t.Helper()
		if _, err := raw.Exec(statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	do(postgres.versions)
	for _, statement := range steps[0].statements {
		do(statement)
	}
	do(`INSERT INTO watchword_versions (version, name) VALUES (1, $1)`, steps[0].name)
	list := people(60)
	for i := range list {
		s := &list[i]
		awkward := []string{"", "\xff", "\xfe\x01\x02\x03\x04", "naïve \x80\x81", `back\slash \377`, "nul\x00", "::1", "tab\t"}
		if text := awkward[i%len(awkward)]; i%2 == 0 {
			s.Birth.UserAgent, s.LastSeen.UserAgent, s.LastSeen.IP = text, text+"!", text
		}
		if i%3 == 0 {
			s.EmittedAt = s.EmittedAt.Add(time.Second)
			s.Tombstone = session.Tombstone{At: s.CreatedAt, Reason: session.SignedOut, By: "cli"}
		}
		rand.Read(s.RequestKey[:])
		seen := func(birth, seen string) any {
			if birth == seen {
				return nil
			}
			return []byte(seen)
		}
		do(`INSERT INTO watchword_sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
			s.ID[:], s.UserID[:], []byte(s.ClientID), int64(s.Delivery), micros(s.CreatedAt), micros(s.ExpiresAt), []byte(s.Birth.IP), []byte(s.Birth.UserAgent),
			int64(s.Generation), micros(s.RotatedAt), micros(s.EmittedAt), s.RequestKey[:], micros(s.IdleUntil), seen(s.Birth.IP, s.LastSeen.IP), seen(s.Birth.UserAgent, s.LastSeen.UserAgent),
			microsOrNull(s.Tombstone.At), []byte(s.Tombstone.Reason), []byte(s.Tombstone.By))
	}
	sessions := openPostgresAt(t, address).Set().Sessions
	for _, want := range list {
		got, err := sessions.Find(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a session changed (-want +got):\n%s", diff)
		}
	}
}
