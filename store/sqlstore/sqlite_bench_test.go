package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

// userAgent is of a usual length, since it is half of a row.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"

// benchSession is the n-th session of a benchmark.
func benchSession(n int) session.Session {
	at := time.UnixMicro(1_790_000_000_000_000 + int64(n)).UTC()
	from := session.Origin{IP: "192.0.2.17", UserAgent: userAgent}
	random := rand.New(rand.NewPCG(uint64(n), 0))
	var s session.Session
	for i := range 16 {
		s.ID[i] = byte(random.Uint32())
		s.UserID[i] = byte(n / 3 >> (i % 4 * 8))
	}
	s.ClientID, s.Delivery, s.CreatedAt, s.ExpiresAt, s.Birth = "web", session.Cookie, at, at.Add(30*24*time.Hour), from
	s.Register = session.Register{Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(7 * 24 * time.Hour), LastSeen: from}
	return s
}

// fleet is sessions, and the generation that each has reached.
type fleet struct {
	ids         []session.ID
	generations []uint64
}

// launch makes the ids of n sessions.
func launch(n int) *fleet {
	f := &fleet{make([]session.ID, n), make([]uint64, n)}
	for i := range n {
		f.ids[i], f.generations[i] = benchSession(i).ID, 1
	}
	return f
}

// seed puts n sessions, three of each user, into the database.
func seed(b *testing.B, db *DB, n int) {
	b.Helper()
	const chunk = 50_000
	for start := 0; start < n; start += chunk {
		err := transact(b.Context(), db.relaxed, func(tx *sql.Tx) error {
			insert, err := tx.Prepare(`INSERT INTO watchword_sessions (` + sessionColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, '', '')`)
			if err != nil {
				return err
			}
			defer insert.Close()
			for i := start; i < min(n, start+chunk); i++ {
				s := benchSession(i)
				if _, err := insert.Exec(s.ID[:], s.UserID[:], s.ClientID, int64(s.Delivery), micros(s.CreatedAt), micros(s.ExpiresAt), s.Birth.IP, s.Birth.UserAgent,
					int64(s.Generation), micros(s.RotatedAt), micros(s.EmittedAt), s.RequestKey[:], micros(s.IdleUntil)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := checkpoint(b.Context(), db.keeper.keeping, "truncate"); err != nil {
			b.Fatal(err)
		}
	}
}

func openBench(b *testing.B) (*DB, string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "watchword.db")
	db, err := OpenSQLite(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db, path
}

// rotate lets 64 goroutines rotate sessions at random until b.N rotations are
// done. Each goroutine has sessions of its own, so that every rotation wins.
func (f *fleet) rotate(b *testing.B, find bool, s session.Store) {
	b.Helper()
	const goroutines = 64
	var left atomic.Int64
	left.Store(int64(b.N))
	latencies := make([][]time.Duration, goroutines)
	var group sync.WaitGroup
	before := cpu(b)
	b.ResetTimer()
	for g := range goroutines {
		group.Go(func() {
			random := rand.New(rand.NewPCG(rand.Uint64(), 2))
			next := benchSession(0).Register
			for left.Add(-1) >= 0 {
				i := random.IntN(len(f.ids)/goroutines)*goroutines + g
				begin := time.Now()
				from := f.generations[i]
				if find {
					found, err := s.Find(b.Context(), f.ids[i])
					if err != nil || found.Generation != from {
						b.Errorf("Find = %d, %v; want %d", found.Generation, err, from)
						return
					}
				}
				next.Generation = from + 1
				next.RequestKey = session.RequestKey{byte(i), byte(i >> 8), 1}
				if won, err := s.Advance(b.Context(), f.ids[i], from, next); err != nil || !won {
					b.Errorf("Advance = %v, %v", won, err)
					return
				}
				f.generations[i]++
				latencies[g] = append(latencies[g], time.Since(begin))
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rot/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-us/rot")
	sorted := slices.Sorted(slices.Values(slices.Concat(latencies...)))
	for name, q := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "p999-ms": 0.999} {
		b.ReportMetric(float64(sorted[int(q*float64(len(sorted)-1))].Microseconds())/1000, name)
	}
}

// cpu is the time that this process has computed.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRotate is what a rotation costs with 64 goroutines at once: in the
// store, with one transaction for each rotation, and in a map.
func BenchmarkRotate(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("map/%dk", n/1000), func(b *testing.B) {
			f, set := launch(n), memory.New()
			for i := range n {
				if err := set.Sessions.Begin(b.Context(), benchSession(i)); err != nil {
					b.Fatal(err)
				}
			}
			b.Run("advance", func(b *testing.B) { f.rotate(b, false, set.Sessions) })
		})
		b.Run(fmt.Sprintf("sqlite/%dk", n/1000), func(b *testing.B) {
			db, path := openBench(b)
			seed(b, db, n)
			f := launch(n)
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			var commits, rows, largest int64 // changed by one batch at a time
			db.advances[0] = batch.New(batchLimit, func(ctx context.Context, rotations []rotation) ([]advanced, error) {
				commits++
				rows += int64(len(rotations))
				largest = max(largest, logSize(db.keeper.log))
				return sessions{db}.advanceAll(ctx, rotations)
			})
			for name, find := range map[string]bool{"advance": false, "find+advance": true} {
				b.Run(name, func(b *testing.B) {
					commits, rows, largest = 0, 0, 0
					f.rotate(b, find, sessions{db})
					b.ReportMetric(float64(rows)/float64(commits), "rows/commit")
					b.ReportMetric(float64(commits)/b.Elapsed().Seconds(), "commits/s")
					b.ReportMetric(float64(largest)/(1<<20), "log-MiB")
					b.ReportMetric(float64(info.Size())/float64(n), "B/session")
				})
			}
			for name, pool := range map[string]*pool{"naive full": db.durable, "naive normal": db.relaxed} {
				b.Run(name, func(b *testing.B) { f.rotate(b, false, naive{sessions{db}, pool}) })
			}
		})
	}
}

// naive rotates with one transaction for each rotation.
type naive struct {
	sessions
	pool *pool
}

func (s naive) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	won, err := advanceSQLite(ctx, s.DB, s.pool, []rotation{{id, from, next}})
	return err == nil && won[0].won, err
}

// BenchmarkBegin is what a durable write costs with 64 goroutines at once:
// gathered, and with one commit for each.
func BenchmarkBegin(b *testing.B) {
	for name, gathered := range map[string]bool{"gathered": true, "one by one": false} {
		b.Run(name, func(b *testing.B) {
			db, _ := openBench(b)
			if !gathered {
				db.writes = nil
			}
			var n atomic.Int64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := db.Set().Sessions.Begin(b.Context(), benchSession(int(n.Add(1)))); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
