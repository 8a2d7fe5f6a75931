package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
)

// openRemoteBench opens an empty database on a server that the environment names.
func openRemoteBench(b *testing.B, name string) *DB {
	b.Helper()
	var db *DB
	var err error
	switch name {
	case "postgres":
		db, err = OpenPostgres(b.Context(), servertest.EmptyPostgres(b, servertest.Address(b, name, "WATCHWORD_TEST_POSTGRES_URL")), Options{})
	case "mysql":
		db, err = OpenMySQL(b.Context(), servertest.EmptyMySQL(b, servertest.Address(b, name, "WATCHWORD_TEST_MYSQL_URL")), Options{})
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

// seedRemote puts n sessions into the database, many in one statement.
func seedRemote(b *testing.B, db *DB, n int) {
	b.Helper()
	const chunk = 500
	const row = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?, ?)`
	text := db.dialect.text
	for start := 0; start < n; start += chunk {
		var args []any
		for i := start; i < start+chunk; i++ {
			s := benchSession(i)
			args = append(args, s.ID[:], s.UserID[:], text(s.ClientID), int64(s.Delivery), micros(s.CreatedAt), micros(s.ExpiresAt), db.dialect.ip(s.Birth.IP), db.dialect.agent(s.Birth.UserAgent),
				int64(s.Generation), micros(s.RotatedAt), db.dialect.emitted(s.Register), s.RequestKey[:], micros(s.IdleUntil), db.dialect.unlessEmpty(""), db.dialect.unlessEmpty(""))
		}
		statement := `INSERT INTO watchword_sessions (` + sessionColumns + `) VALUES ` + row + strings.Repeat(`, `+row, chunk-1)
		if _, err := db.relaxed.ExecContext(b.Context(), db.dialect.sql(statement), args...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRotateRemote is what a rotation costs with 64 goroutines at once on a
// server: in batches, and with one statement for each.
func BenchmarkRotateRemote(b *testing.B) {
	for _, name := range []string{"postgres", "mysql"} {
		for _, n := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%dk", name, n/1000), func(b *testing.B) {
				db := openRemoteBench(b, name)
				seedRemote(b, db, n)
				f := launch(n)
				var commits, rows atomic.Int64
				for i := range db.advances {
					db.advances[i] = batch.New(batchLimit, func(ctx context.Context, rotations []rotation) ([]advanced, error) {
						commits.Add(1)
						rows.Add(int64(len(rotations)))
						return sessions{db}.advanceAll(ctx, rotations)
					})
				}
				for name, find := range map[string]bool{"advance": false, "find+advance": true} {
					b.Run(name, func(b *testing.B) {
						commits.Store(0)
						rows.Store(0)
						f.rotate(b, find, sessions{db})
						b.ReportMetric(float64(rows.Load())/float64(commits.Load()), "rows/commit")
						b.ReportMetric(float64(commits.Load())/b.Elapsed().Seconds(), "commits/s")
					})
				}
				b.Run("one by one", func(b *testing.B) { f.rotate(b, false, oneByOne{sessions{db}}) })
			})
		}
	}
}

// oneByOne rotates with one transaction for each rotation.
type oneByOne struct{ sessions }

func (s oneByOne) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	won, err := s.dialect.advance(ctx, s.DB, s.durable, []rotation{{id, from, next}})
	return err == nil && won[0].won, err
}
