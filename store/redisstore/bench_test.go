package redisstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/redisstore"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

const benchClients = 64

// fill puts n sessions, three of each user, into a store.
func fill(b testing.TB, s session.Store, n int) []session.ID {
	b.Helper()
	ids := make([]session.ID, n)
	var group sync.WaitGroup
	var next atomic.Int64
	for range benchClients {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				one := birth(account.ID{1, byte(i / 3), byte(i / 3 >> 8), byte(i / 3 >> 16), byte(i / 3 >> 24)})
				ids[i] = one.ID
				if err := s.Begin(b.Context(), one); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return ids
}

// rotate lets clients rotate sessions at random until b.N rotations are done. Each has
// sessions of its own, so that every rotation wins.
func rotate(b *testing.B, ids []session.ID, generations []uint64, clients int, find bool, s session.Store) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	before := cpuTime()
	b.ResetTimer()
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), uint64(b.N)))
			for left.Add(-1) >= 0 {
				i := random.IntN(len(ids)/clients)*clients + client
				r := following(session.Register{Generation: generations[i], LastSeen: session.Origin{IP: "192.0.2.17", UserAgent: userAgent}})
				if find {
					if _, err := s.Find(b.Context(), ids[i]); err != nil {
						b.Error(err)
						return
					}
				}
				if did, err := s.Advance(b.Context(), ids[i], generations[i], r); !did || err != nil {
					b.Errorf("Advance = %v, %v", did, err)
					return
				}
				generations[i]++
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rotations/s")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "own-cpu-us/op")
}

// cpuTime is what this process has had of the processors, which a machine that does other
// things as well distorts less than it does the rate.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // of itself it does not fail
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRotate is what a rotation costs on Redis alone and with a ledger in SQLite, beside a
// naive one: one command, one round trip, one connection at a time of a pool.
func BenchmarkRotate(b *testing.B) {
	for name, variable := range servers {
		for _, n := range []int{10_000, 300_000} {
			b.Run(fmt.Sprintf("%s/%dk", name, n/1000), func(b *testing.B) {
				address := empty(b, servertest.Address(b, "redis", variable))
				s := connect(b, address)
				ids, generations := fill(b, s, n), make([]uint64, n)
				for i := range generations {
					generations[i] = 1
				}
				for _, clients := range []int{1, benchClients} {
					b.Run(fmt.Sprintf("advance-%d", clients), func(b *testing.B) { rotate(b, ids, generations, clients, false, s) })
					b.Run(fmt.Sprintf("find+advance-%d", clients), func(b *testing.B) { rotate(b, ids, generations, clients, true, s) })
					b.Run(fmt.Sprintf("naive-%d", clients), func(b *testing.B) {
						rotate(b, ids, generations, clients, false, newNaive(b, address))
					})
				}
				if n > 10_000 {
					return
				}
				for database, open := range map[string]func(testing.TB) session.Store{"sqlite": database, "postgres": postgres} {
					b.Run("ledger-"+database, func(b *testing.B) {
						kept := withLedger(s, open(b))
						ids, generations := fill(b, kept, n), make([]uint64, n)
						for i := range generations {
							generations[i] = 1
						}
						b.Run("advance-64", func(b *testing.B) { rotate(b, ids, generations, benchClients, false, kept) })
						b.Run("find+advance-64", func(b *testing.B) { rotate(b, ids, generations, benchClients, true, kept) })
					})
				}
			})
		}
	}
}

// postgres is where else a ledger is kept.
func postgres(b testing.TB) session.Store {
	b.Helper()
	address := servertest.EmptyPostgres(b, servertest.Address(b, "postgres", "WATCHWORD_TEST_POSTGRES_URL"))
	db, err := sqlstore.OpenPostgres(b.Context(), address, sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db.Set().Sessions
}

// naive rotates by the same script as one would without a second thought: of a pool of 16
// connections each serves one caller at a time, who waits for the answer.
type naive struct {
	session.Store
	clients chan *redisstore.Store
}

func newNaive(b *testing.B, address string) naive {
	b.Helper()
	n := naive{clients: make(chan *redisstore.Store, 16)}
	for range cap(n.clients) {
		n.clients <- connect(b, address)
	}
	return n
}

func (n naive) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	s := <-n.clients
	defer func() { n.clients <- s }()
	return s.Advance(ctx, id, from, next)
}
