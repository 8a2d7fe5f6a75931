//go:build linux

package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How long anything may take while the database is away. A request is bounded by
// ten seconds, readiness by three; the rest is for a busy machine.
const (
	answerWithin = 20 * time.Second
	readyWithin  = 15 * time.Second
)

// The server that keeps the sessions is killed under load, with all its processes,
// again and again: what it had in memory is gone. Meanwhile every answer says "not
// now", in time; afterwards nobody has been signed out, nothing that was acknowledged
// has been forgotten but rotations, and the nodes are as they were before.
func TestTheDatabaseMayDieAtAnyMoment(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		prepare func(t testing.TB) server
		kills   int
		loses   bool // rotations
	}{
		// A rotation may take 1.5 s to reach the disk, so that there is something to lose.
		"postgres": {func(t testing.TB) server { return newPostgres(t, "wal_writer_delay=1500ms") }, 3, true},
		"mariadb":  {func(t testing.TB) server { return newMariaDB(t) }, 1, false},
		"mongodb":  {func(t testing.TB) server { return newMongoDB(t) }, 1, false},
		// Revocations too are lost by Redis; PostgreSQL has them.
		"postgres and redis with appendfsync everysec": {func(t testing.TB) server { return newRedis(t, "everysec") }, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kills := row.kills
			if testing.Short() {
				kills = 1
			}
			databaseDies(t, row.prepare(t), kills, row.loses)
		})
	}
}

// databaseDies kills a server so many times. loses says that the rotations of the last
// second go with it.
func databaseDies(t *testing.T, s server, kills int, loses bool) {
	f := assembleWith(t, s.environ(), "--min-token-age", "5s", "--retry-window", "3s")
	p, _ := s.(*postgres)
	c := newCrowd(f)
	for range 3 {
		c.join(8, true)
	}
	calm := f.stillness(p)
	for kill := range kills {
		rest, before := c.refreshing(), c.revoked.Load()
		// Once with people who come and leave up to the end, and once without: each brings
		// all that was written before it to the disk.
		var stop atomic.Bool
		var moving sync.WaitGroup
		if kill%2 == 0 {
			moving.Go(func() {
				for turn := 0; !stop.Load(); turn++ {
					time.Sleep(time.Second / 4)
					if d := c.alive(); d != nil && turn%3 > 0 {
						c.end(d) // the last one is acknowledged when the database is back
					} else {
						c.join(1, true)
					}
				}
			})
		}
		time.Sleep(5500 * time.Millisecond) // in the middle of what the minimum age makes a wave of rotations
		if kill%2 == 0 {
			eventually(t, time.Minute, "some have left", func() error {
				if n := c.revoked.Load() - before; n < 3 {
					return fmt.Errorf("%d have", n)
				}
				return nil
			})
		}
		s.kill()
		stop.Store(true)
		f.outOfOrder(c.all()[0].owner)
		s.start()
		f.allReady()
		moving.Wait()
		time.Sleep(time.Second)
		rest()
	}
	c.promises(t)
	heals := f.total("watchword_heals_total")
	t.Logf("the database was killed %d times; %.0f rotations were lost, and healed", kills, heals)
	if c.revoked.Load() == 0 || c.busy.Load() == 0 || loses && heals == 0 && !testing.Short() {
		t.Error("too little happened for a proof")
	}
	f.asCalmAs(calm, p)
}

// outOfOrder holds every node to what it answers while its database is away, or takes
// no writes: 503 to a user who signs in, in time, with when to come back; and that
// the process is well, but not ready.
func (f *fleet) outOfOrder(user string) {
	f.t.Helper()
	f.everywhere(func(i int, n *node) {
		for _, row := range []struct {
			call
			status int
			within time.Duration
		}{
			{signIn(user), http.StatusServiceUnavailable, answerWithin},
			{call{method: "GET", path: "/readyz"}, http.StatusServiceUnavailable, readyWithin},
			{call{method: "GET", path: "/healthz"}, http.StatusOK, readyWithin},
			{call{method: "GET", path: "/.well-known/jwks.json"}, http.StatusOK, readyWithin},
		} {
			a, err := f.one(i, row.call)
			if err != nil || a.status != row.status || a.took > row.within || a.status == http.StatusServiceUnavailable && a.retryAfter == "" {
				f.t.Errorf("while its database is out of order %s answers %s %s: %s, Retry-After %q, %v; want %d within %s",
					n.name, row.method, row.path, a, a.retryAfter, err, row.status, row.within)
			}
		}
	})
}

// stillness is what a fleet has while nobody asks anything.
type stillness struct {
	goroutines  []float64 // of each node
	files       []float64
	connections int
}

// stillness measures, once what was asked has come to an end. A fleet without a
// server has no connections.
func (f *fleet) stillness(p *postgres) stillness {
	f.t.Helper()
	f.client.CloseIdleConnections()
	time.Sleep(time.Second)
	var s stillness
	if p != nil {
		s.connections = ask[int](f.t, p, connections)
	}
	for _, n := range f.nodes {
		for name, to := range map[string]*[]float64{"go_goroutines": &s.goroutines, "process_open_fds": &s.files} {
			value, err := n.gauge(name)
			if err != nil {
				f.t.Fatal(err)
			}
			*to = append(*to, value)
		}
	}
	return s
}

// connections counts those of the nodes.
const connections = `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

// poolLimit is how many connections a node has at most: sixteen, and two for rotations.
const poolLimit = 18

// asCalmAs waits until the fleet has no more goroutines, files and connections than
// before. A pool may have grown to its limit meanwhile, and each connection
// costs a file and at most two goroutines.
func (f *fleet) asCalmAs(before stillness, p *postgres) {
	f.t.Helper()
	var now stillness
	took := eventually(f.t, time.Minute, "nothing has leaked", func() error {
		now = f.stillness(p)
		var errs []error
		if limit := len(f.nodes) * poolLimit; now.connections > limit {
			errs = append(errs, fmt.Errorf("%d connections, want at most %d", now.connections, limit))
		}
		for i, n := range f.nodes {
			if limit := before.goroutines[i] + 2*poolLimit; now.goroutines[i] > limit {
				errs = append(errs, fmt.Errorf("%s has %.0f goroutines, want at most %.0f", n.name, now.goroutines[i], limit))
			}
			if limit := before.files[i] + poolLimit; now.files[i] > limit {
				errs = append(errs, fmt.Errorf("%s has %.0f open files, want at most %.0f", n.name, now.files[i], limit))
			}
		}
		return errors.Join(errs...)
	})
	f.t.Logf("before: goroutines %v, files %v, connections %d; afterwards: %v, %v, %d (after %s)",
		before.goroutines, before.files, before.connections, now.goroutines, now.files, now.connections, took.Round(time.Second))
}
