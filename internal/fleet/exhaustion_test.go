//go:build linux

package fleet

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// The way to the database is slow, then it swallows everything for a while, then the
// machine behind it vanishes and another answers in its place. Nobody waits long,
// the nodes tell that they are not ready, and come back by themselves.
func TestASlowDatabaseHoldsNobodyForLong(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	r := newRoad(t, p.host())
	// A request may take ten seconds here: tokens are not replaced sooner than that.
	f := assemble(t, p.through(r.host(), ""), "--min-token-age", "15s", "--retry-window", "11s")
	c := newCrowd(f)
	for range 2 {
		c.join(8, true)
	}
	calm := f.stillness(p)

	r.slow(100 * time.Millisecond)
	c.recall()
	if c.busy.Load() > 0 {
		t.Errorf("with 100 ms each way %d refreshes were answered 503", c.busy.Load())
	}
	r.slow(0)

	rest := c.refreshing()
	r.stall()
	f.outOfOrder(c.all()[0].owner)
	time.Sleep(answerWithin / 2) // long enough for what was under way to be given up
	r.pass()
	began := time.Now()
	f.allReady()
	t.Logf("ready %s after the database answered again", time.Since(began).Round(time.Millisecond))

	r.lose()
	began = time.Now()
	f.recovers()
	t.Logf("ready %s after the database's machine vanished and another took its place", time.Since(began).Round(time.Millisecond))
	rest()
	c.promises(t)
	if slowest := time.Duration(c.slowest.Load()); slowest > answerWithin || c.busy.Load() == 0 {
		t.Errorf("%d answers said \"not now\", the slowest after %s", c.busy.Load(), slowest)
	}
	f.asCalmAs(calm, p)
}

// recovers waits until every node has refreshed and is ready, over and over, so that
// no connection is left that leads nowhere.
func (f *fleet) recovers() {
	f.t.Helper()
	for _, n := range f.nodes {
		in := 0
		eventually(f.t, 2*time.Minute, n.name+" has recovered", func() error {
			a, err := f.ready(n)
			if err == nil && a.status != http.StatusOK {
				err = errors.New(a.String() + f.story(a))
			}
			if err != nil {
				in = 0
				return err
			}
			if in++; in < 30 {
				return fmt.Errorf("ready only %d times", in)
			}
			return nil
		})
	}
}

// When a machine has vanished, a node finds out once, and not once for each of its
// idle connections.
func TestConnectionsToAMachineThatIsGoneAreNotTriedOneByOne(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	r := newRoad(t, p.host())
	db, err := sqlstore.OpenPostgres(t.Context(), p.through(r.host(), ""), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sessions := db.Set().Sessions
	began := time.Now().UTC()
	begin := func(ctx context.Context) error {
		s := session.Session{Delivery: session.Body, CreatedAt: began, ExpiresAt: began.Add(time.Hour)}
		_, _ = crand.Read(s.ID[:])
		return sessions.Begin(ctx, s)
	}
	verbs := map[string]func(ctx context.Context) error{
		"Begin": begin,
		"List":  func(ctx context.Context) error { _, err := sessions.List(ctx, session.Query{}); return err },
	}
	r.slow(20 * time.Millisecond)
	var many sync.WaitGroup
	for range 40 { // which fills the pools
		for name, verb := range verbs {
			many.Go(func() {
				if err := verb(t.Context()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	many.Wait()
	idle := ask[int](t, p, connections)
	r.slow(0)
	r.lose()
	for name, verb := range verbs {
		failures := 0
		for ; ; failures++ {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			err := verb(ctx)
			cancel()
			if err == nil {
				break
			}
			if failures == 3 {
				t.Errorf("%s failed %d times, with %d connections: %v", name, failures, idle, err)
				break
			}
		}
		t.Logf("%s failed %d times, with %d connections", name, failures, idle)
	}
}

// Of two servers the first says nothing, as a machine does that is gone: the second
// is asked in time.
func TestTheSecondServerIsAskedWhenTheFirstIsSilent(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	gone := newRoad(t, p.host())
	gone.stall()
	t.Cleanup(gone.pass)
	f := assemble(t, p.through(gone.host()+","+p.host(), "target_session_attrs=read-write"))
	f.allReady()
	c := newCrowd(f)
	c.join(2, true)
	c.promises(t)
}

// The database gives the nodes fewer connections than they ask for, then none.
func TestWithoutAConnectionANodeSaysSo(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	p.command(`CREATE ROLE app LOGIN PASSWORD '`+p.secret+`'`, `CREATE SCHEMA app AUTHORIZATION app`)
	f := assemble(t, strings.Replace(p.address("search_path=app"), "watchword:", "app:", 1), "--min-token-age", "5s", "--retry-window", "3s")
	c := newCrowd(f)
	for range 2 {
		c.join(8, true)
	}
	calm := f.stillness(p)
	rest := c.refreshing()
	limit := func(n int) {
		p.command(fmt.Sprintf(`ALTER ROLE app CONNECTION LIMIT %d`, n),
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`)
	}
	limit(4) // for three nodes
	before := c.refreshed.Load()
	var arrivals sync.WaitGroup
	for range 8 {
		arrivals.Go(func() {
			if a, err := f.anyone(signIn(c.all()[0].owner)); err != nil || a.took > answerWithin || a.status != http.StatusOK && (a.status != http.StatusServiceUnavailable || a.retryAfter == "") {
				t.Errorf("with few connections a sign-in is answered %s, %v%s", a, err, f.story(a))
			}
		})
	}
	arrivals.Wait()
	eventually(t, time.Minute, "with four connections somebody refreshes", func() error {
		if c.refreshed.Load() == before {
			return errors.New("nobody does")
		}
		return nil
	})
	limit(0)
	f.outOfOrder(c.all()[0].owner)
	limit(-1)
	began := time.Now()
	f.allReady()
	t.Logf("ready %s after there were connections again", time.Since(began).Round(time.Millisecond))
	rest()
	c.promises(t)
	f.asCalmAs(calm, p)
}
