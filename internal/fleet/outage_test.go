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
		loses   bool // rotations
	}{
		// A rotation may take 1.5 s to reach the disk, so that there is something to lose.
		"postgres": {func(t testing.TB) server { return newPostgres(t, "wal_writer_delay=1500ms") }, true},
		"mariadb":  {func(t testing.TB) server { return newMariaDB(t) }, false},
		"mongodb":  {func(t testing.TB) server { return newMongoDB(t) }, false},
		// It loses births and ends of sessions as well, which PostgreSQL has.
		"redis": {func(t testing.TB) server { return newRedis(t, "everysec") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseDies(t, row.prepare(t), row.loses)
		})
	}
}

// databaseDies kills a server while people come and leave up to the end. If it loses
// rotations and lost none, as each who comes or leaves brings all that was written
// before to the disk, it is killed again when nobody does.
func databaseDies(t *testing.T, s server, loses bool) {
	f := assembleWith(t, s.environ(), "--min-token-age", "5s", "--retry-window", "3s")
	p, _ := s.(*postgres)
	c := newCrowd(f)
	for range 3 {
		c.join(8, true)
	}
	calm := f.stillness(p)
	most := 6
	if testing.Short() {
		most = 1
	}
	kills, heals := 0, 0.0
	for ; kills == 0 || loses && heals == 0 && kills < most; kills++ {
		rest, rotated, left := c.refreshing(), c.rotated.Load(), c.revoked.Load()
		var stop atomic.Bool
		var moving sync.WaitGroup
		if kills == 0 {
			moving.Go(func() { c.comeAndGo(&stop) })
			left += 3
		}
		eventually(t, time.Minute, "there is something to lose", func() error {
			if c.rotated.Load() < rotated+8 || c.revoked.Load() < left {
				return errors.New("too little has happened")
			}
			return nil
		})
		s.kill()
		stop.Store(true)
		f.outOfOrder(c.all()[0].owner)
		s.start()
		f.allReady()
		moving.Wait()
		time.Sleep(time.Second)
		rest()
		heals = f.total("watchword_heals_total")
	}
	c.promises(t)
	t.Logf("the database was killed %d times; %.0f rotations were lost, and healed", kills, heals)
	if heals > 0 && !loses {
		t.Error("rotations were lost")
	}
	if c.revoked.Load() == 0 || c.busy.Load() == 0 || loses && heals == 0 && !testing.Short() {
		t.Error("too little happened for a proof")
	}
	f.asCalmAs(calm, p)
}

// comeAndGo has guests sign up, in and out, one after the other, and now and then
// somebody leave who refreshes meanwhile. Nobody asks after a guest who has left until
// all is over, so that no request reminds the fleet of it.
func (c *crowd) comeAndGo(stop *atomic.Bool) {
	for turn := 0; !stop.Load(); turn++ {
		if regular := c.alive(); turn%4 == 0 && regular != nil {
			c.end(regular)
		}
		c.end(c.join(1, true)[0]) // the last one leaves when the database is back
		time.Sleep(time.Second / 8)
	}
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
