//go:build linux

package fleet

import (
	crand "crypto/rand"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"
)

// pair is a primary, and a replica that follows it by a road that may stall.
type pair struct {
	t       testing.TB
	primary *postgres
	road    *road
	replica *postgres
}

func newPair(t testing.TB) *pair {
	t.Helper()
	primary := newPostgres(t)
	r := newRoad(t, primary.host())
	return &pair{t: t, primary: primary, road: r, replica: primary.newReplica(r.host(), "second")}
}

// address is what nodes are given: both servers, of which one takes writes.
func (p *pair) address() string {
	return p.primary.through(p.primary.host()+","+p.replica.host(), "target_session_attrs=read-write")
}

// caughtUp waits until the replica has everything.
func (p *pair) caughtUp() {
	p.t.Helper()
	at := ask[string](p.t, p.primary, `SELECT pg_current_wal_insert_lsn()::text`)
	eventually(p.t, time.Minute, "the replica has caught up", func() error {
		done, err := tryAsk[bool](p.replica, `SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn`, at)
		if err == nil && !done {
			err = errors.New("it lags")
		}
		return err
	})
}

// synchronous has durable commits of the primary wait for the replica.
func (p *pair) synchronous() {
	p.t.Helper()
	p.primary.command(`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`)
	eventually(p.t, time.Minute, "the replica is synchronous", func() error {
		state, err := tryAsk[string](p.primary, `SELECT sync_state FROM pg_stat_replication`)
		if err == nil && state != "sync" {
			err = errors.New(state)
		}
		return err
	})
}

// failOver kills the primary, with what the replica has not got, and promotes the replica.
func (p *pair) failOver() {
	p.t.Helper()
	p.primary.kill()
	p.road.cut()
	p.road.pass()
	p.replica.promote()
}

// In these tests a session rotates at most once while the replica lags: that is what
// the minimum age is for.
const (
	lag    = 3 * time.Second
	minAge = 20 * time.Second
)

var failoverPolicy = []string{"--min-token-age", minAge.String(), "--retry-window", "3s"}

// lagging waits until all tokens may be replaced. Then, while the replica hears
// nothing, the crowd refreshes, and something else happens.
func (p *pair) lagging(c *crowd, happens func()) (rest func()) {
	p.t.Helper()
	time.Sleep(minAge)
	p.caughtUp()
	p.road.stall()
	began := time.Now()
	rest = c.refreshing()
	happens()
	time.Sleep(lag - time.Since(began))
	if took := time.Since(began); took > minAge-time.Second {
		p.t.Fatalf("this machine is too busy: what should take %s took %s", lag, took)
	}
	return rest
}

// A replica that is not waited for lacks the last seconds. Sessions that were
// rotated in them go on; but those that began in them are unknown, and those that
// were ended in them live again. (docs/failures.md says how to have it otherwise.)
func TestAnAsynchronousReplicaSignsNobodyOutWhomItKnows(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	f := assemble(t, p.address(), failoverPolicy...)
	c := newCrowd(f)
	for range 3 {
		c.join(8, true)
	}
	leaver := c.begin(c.all()[0].owner, true)
	c.leave(leaver)
	var late answer
	rest := p.lagging(c, func() {
		late = c.must(signIn(leaver.owner))
		c.must(signOut(leaver.held.token))
		if a := c.final(refresh(leaver.held.token, "")); a.status != http.StatusForbidden {
			t.Errorf("a session that was ended answers %s", a)
		}
	})
	p.failOver()
	f.allReady()
	time.Sleep(time.Second)
	rest()
	c.promises(t)
	heals := f.total("watchword_heals_total")
	t.Logf("%.0f rotations were lost, and healed", heals)
	if heals == 0 {
		t.Error("nothing was lost: this proves nothing")
	}
	if a := c.final(refresh(late.text("refreshToken"), crand.Text())); a.status != http.StatusForbidden || a.text("session") != "ended" {
		t.Errorf("a session that the replica never heard of answers %s", a)
	}
	if a := c.final(refresh(leaver.held.token, crand.Text())); a.status != http.StatusOK {
		t.Errorf("a session of whose end the replica never heard answers %s", a)
	}
}

// A replica that durable commits wait for, by synchronous_standby_names, has every
// session that began and every revocation that was acknowledged. Rotations do
// not wait for it.
func TestASynchronousReplicaForgetsNoRevocation(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.synchronous()
	f := assemble(t, p.address(), failoverPolicy...)
	f.appoint()
	c := newCrowd(f)
	for range 3 {
		c.join(8, true)
	}
	for turn := range 5 {
		if d := c.alive(); turn == 3 {
			c.block(d)
		} else {
			c.end(d)
		}
	}
	regular := c.join(1, true)[0].owner
	before := c.revoked.Load()
	var leaving sync.WaitGroup
	rest := p.lagging(c, func() { // who comes or leaves now is told so when the replica is the primary
		for range 3 {
			leaving.Go(func() { c.end(c.alive()) })
			leaving.Go(func() { c.begin(regular, true) })
		}
		time.Sleep(time.Second)
		if c.revoked.Load() != before {
			t.Error("a sign-out was acknowledged that the replica has not heard of")
		}
	})
	p.failOver()
	f.allReady()
	leaving.Wait()
	time.Sleep(time.Second)
	rest()
	c.promises(t)
	heals := f.total("watchword_heals_total")
	t.Logf("%.0f rotations were lost, and healed", heals)
	if heals == 0 || c.revoked.Load() < 8 {
		t.Error("too little happened for a proof")
	}
}

// While the replica that they wait for is away, what must be durable is not
// acknowledged, however often it is asked for; and refreshes go on.
func TestWithoutTheSynchronousReplicaNothingDurableIsAcknowledged(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.synchronous()
	f := assemble(t, p.address(), "--min-token-age", "5s", "--retry-window", "3s")
	c := newCrowd(f)
	f.appoint()
	stayer, leavers := c.join(1, true)[0], c.join(2, true)
	for _, d := range leavers {
		c.leave(d)
	}
	var ends []call
	for range 30 {
		ends = append(ends, signOut(leavers[0].held.token), call{method: "DELETE", path: "/api/admin/users/" + leavers[1].ownerID + "/sessions", access: c.admin})
	}
	time.Sleep(6 * time.Second) // tokens may be replaced now
	p.road.stall()
	for try := range 2 { // the second time it is ended already, on the primary alone
		var waiting sync.WaitGroup
		for i, end := range ends {
			waiting.Go(func() {
				a, err := f.one(i%fleetSize, end)
				if err != nil || a.status != http.StatusServiceUnavailable || a.retryAfter == "" || a.took > answerWithin {
					t.Errorf("try %d: a sign-out that the replica has not heard of is answered %s, %v", try, a, err)
				}
			})
		}
		time.Sleep(time.Second)
		for i := range f.nodes {
			if !c.refresh(stayer, i) {
				t.Errorf("meanwhile %s refreshes nothing", f.nodes[i].name)
			}
		}
		waiting.Wait()
	}
	p.road.pass()
	c.must(ends[0])
	c.must(ends[1])
	p.primary.kill()
	p.road.cut()
	p.replica.promote()
	f.allReady()
	for _, d := range leavers {
		if a := c.final(refresh(d.held.token, crand.Text())); a.status != http.StatusForbidden || a.text("session") != "ended" {
			t.Errorf("a session whose end was acknowledged answers %s", a)
		}
	}
}

// leave takes a device out of the crowd.
func (c *crowd) leave(d *device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.devices {
		if c.devices[i] == d {
			c.devices = append(c.devices[:i], c.devices[i+1:]...)
			return
		}
	}
}

// final sends a request until it is answered with anything but "not now".
func (f *fleet) final(c call) (a answer) {
	f.t.Helper()
	eventually(f.t, 2*time.Minute, c.path+" is answered", func() (err error) {
		a, err = f.anyone(c)
		if err == nil && a.status == http.StatusServiceUnavailable {
			err = errors.New(a.String())
		}
		return err
	})
	return a
}
