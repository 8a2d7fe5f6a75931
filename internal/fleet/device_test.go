//go:build linux

package fleet

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// certainty is how sure a client is that something happened.
type certainty int

const (
	no    certainty = iota
	maybe           // asked, not answered
	yes             // answered
)

// held is what a client keeps: a token, and the key of the requests that present
// it, drawn before the first.
type held struct{ token, key string }

// device is a client with a session. Its tabs share what it holds, and refresh at
// the same time.
type device struct {
	owner, ownerID string
	keyed          bool

	mu         sync.Mutex
	held       held
	successors map[uint32]string // of each generation: one, for ever
	signedOut  certainty         // by its owner, or an administrator
	over       bool              // it heard so
}

// crowd is the devices, and what they counted.
type crowd struct {
	*fleet
	once bool // of each generation there is one token: the database loses nothing

	mu      sync.Mutex
	devices []*device
	people  map[string]bool // by name; false: blocked

	answers                                                         atomic.Int64
	rotated                                                         atomic.Int64 // as the clients saw it
	refreshed, refused, stragglers, busy, lost, revoked, afterwards atomic.Int64
	slowest                                                         atomic.Int64 // ns, of the answers that said "not now"
}

func newCrowd(f *fleet) *crowd { return &crowd{fleet: f, people: map[string]bool{}} }

// report is what happened, for the log of the test.
func (c *crowd) report() string {
	return fmt.Sprintf("%d node kills; %d sessions; %d refreshes succeeded, %d stragglers, %d answered 503 (slowest %s), %d without an answer; %d sessions revoked, then %d refreshes of them refused",
		c.kills.Load(), len(c.all()), c.refreshed.Load(), c.stragglers.Load(), c.busy.Load(), time.Duration(c.slowest.Load()).Round(time.Millisecond),
		c.lost.Load(), c.revoked.Load(), c.afterwards.Load())
}

func (c *crowd) all() []*device {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*device{}, c.devices...)
}

// join signs a user up, and in on some devices.
func (c *crowd) join(devices int, keyed bool) []*device {
	c.t.Helper()
	c.mu.Lock()
	name := fmt.Sprintf("p%d-%s", len(c.people)+1, crand.Text()[:8])
	c.people[name] = true
	c.mu.Unlock()
	c.register(name)
	var own []*device
	for range devices {
		own = append(own, c.begin(name, keyed))
	}
	return own
}

// register signs a user up. A name that is taken when the request comes again after
// it got no answer, or "not now", is the user's own.
func (c *crowd) register(name string) {
	c.t.Helper()
	again := false
	eventually(c.t, 2*time.Minute, name+" signs up", func() error {
		a, err := c.anyone(signUp(name))
		if err == nil && a.status != http.StatusOK && !(again && a.text("code") == "username_taken") {
			err = errors.New(a.String())
		}
		again = again || err != nil && !errors.Is(err, errDown)
		return err
	})
}

// begin signs a user in on one more device.
func (c *crowd) begin(name string, keyed bool) *device {
	c.t.Helper()
	a := c.must(signIn(name))
	d := &device{owner: name, ownerID: a.text("id"), keyed: keyed, successors: map[uint32]string{}}
	d.held = d.keep(a.text("refreshToken"))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.devices = append(c.devices, d)
	return d
}

// keep is what is held with a new token.
func (d *device) keep(token string) held {
	h := held{token: token}
	if d.keyed {
		h.key = crand.Text()
	}
	return h
}

// load is what is held now, and whether the end of the session was acknowledged.
func (d *device) load() (h held, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held, d.signedOut == yes
}

// refresh presents what the device holds to a node, and holds it to its promises.
// It is false where nothing was learnt.
func (c *crowd) refresh(d *device, i int) bool {
	h, ended := d.load()
	a, err := c.one(i, refresh(h.token, h.key))
	if errors.Is(err, errDown) {
		return false
	}
	if err != nil {
		c.lost.Add(1)
		return false
	}
	c.answers.Add(1)
	return c.judge(d, h, ended, a)
}

// judge holds the fleet to an answer. ended says that the end of the session was
// acknowledged before the request was sent.
func (c *crowd) judge(d *device, h held, ended bool, a answer) bool {
	switch {
	case a.status == http.StatusOK && ended:
		c.t.Errorf("a session of %s whose end was acknowledged refreshes", d.owner)
	case a.status == http.StatusOK:
		c.refreshed.Add(1)
		c.take(d, h, a.text("refreshToken"))
	case a.status == http.StatusConflict && a.text("session") == "alive":
		c.stragglers.Add(1)
		return false
	case a.status == http.StatusServiceUnavailable:
		c.busy.Add(1)
		for {
			slowest := c.slowest.Load()
			if int64(a.took) <= slowest || c.slowest.CompareAndSwap(slowest, int64(a.took)) {
				break
			}
		}
		if a.retryAfter == "" || a.text("session") != "alive" {
			c.t.Errorf("a refresh is answered %s, and Retry-After %q", a, a.retryAfter)
		}
		return false
	case a.status == http.StatusForbidden && a.text("session") == "ended":
		c.refused.Add(1)
		if ended {
			c.afterwards.Add(1)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.signedOut == no {
			c.t.Errorf("an honest session of %s (keys: %v) at generation %d is signed out: %s", d.owner, d.keyed, generationOf(c.t, h.token), a)
		}
		d.over = true
	default:
		c.t.Errorf("a refresh is answered %s%s", a, c.story(a))
	}
	return true
}

// take keeps a token that came for the one that was held, unless another tab was
// faster. Of each generation there is one successor, whoever gets it.
func (c *crowd) take(d *device, h held, token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	generation := generationOf(c.t, token)
	if known, ok := d.successors[generation]; ok && known != token && c.once {
		c.t.Errorf("a session of %s got two different tokens of generation %d", d.owner, generation)
	}
	if d.successors[generation] == "" {
		c.rotated.Add(1)
	}
	d.successors[generation] = token
	if generation < generationOf(c.t, h.token) {
		c.t.Errorf("a session of %s went back from generation %d to %d", d.owner, generationOf(c.t, h.token), generation)
	}
	if d.held == h && token != h.token {
		d.held = d.keep(token)
	}
}

// live has a device refresh in some tabs, at random nodes, until the channel is
// closed. Between two refreshes a tab rests for pause at most.
func (c *crowd) live(done <-chan struct{}, d *device, tabs int, pause time.Duration) {
	var all sync.WaitGroup
	for range tabs {
		all.Go(func() {
			for !c.t.Failed() {
				c.refresh(d, rand.IntN(len(c.nodes)))
				select {
				case <-done:
					return
				case <-time.After(rand.N(pause)):
				}
			}
		})
	}
	all.Wait()
}

// refreshing has the whole crowd refresh until it is told to rest, or the test ends.
func (c *crowd) refreshing() (rest func()) {
	done := make(chan struct{})
	var busy sync.WaitGroup
	for _, d := range c.all() {
		busy.Go(func() { c.live(done, d, 2, time.Second) })
	}
	rest = sync.OnceFunc(func() {
		close(done)
		busy.Wait()
	})
	c.t.Cleanup(rest)
	return rest
}

// alive is a device that is signed in, taken at random; nil: there is none.
func (c *crowd) alive() *device {
	all := c.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, d := range all {
		d.mu.Lock()
		ended := d.signedOut
		d.mu.Unlock()
		if ended == no {
			return d
		}
	}
	return nil
}

// end signs a device out, and asks again until it is acknowledged.
func (c *crowd) end(d *device) {
	d.mu.Lock()
	d.signedOut = max(d.signedOut, maybe)
	h := d.held
	d.mu.Unlock()
	c.must(signOut(h.token))
	d.mu.Lock()
	d.signedOut = yes
	d.mu.Unlock()
	c.revoked.Add(1)
}

// block blocks the owner of a device, which ends all devices that the owner has.
func (c *crowd) block(d *device) {
	own := c.of(d.owner)
	for _, one := range own {
		one.mu.Lock()
		one.signedOut = max(one.signedOut, maybe)
		one.mu.Unlock()
	}
	c.must(call{method: "POST", path: "/api/admin/users/" + d.ownerID + "/block", access: c.admin, body: map[string]string{"reason": "a test"}})
	c.mu.Lock()
	c.people[d.owner] = false
	c.mu.Unlock()
	for _, one := range own {
		one.mu.Lock()
		one.signedOut = yes
		one.mu.Unlock()
		c.revoked.Add(1)
	}
}

// of is the devices of one user.
func (c *crowd) of(name string) (own []*device) {
	for _, d := range c.all() {
		if d.owner == name {
			own = append(own, d)
		}
	}
	return own
}

// recall holds every node to all that was answered: who was not signed out
// refreshes, and who was does not.
func (c *crowd) recall() (alive, ended int) {
	c.t.Helper()
	c.everywhere(func(i int, n *node) {
		for _, d := range c.all() {
			limit := time.Now().Add(time.Minute)
			for !c.refresh(d, i) {
				if time.Now().After(limit) {
					h, _ := d.load()
					a, err := c.one(i, refresh(h.token, h.key))
					c.t.Errorf("a session of %s gets no answer of %s but %s, %v%s", d.owner, n.name, a, err, c.story(a))
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
	for _, d := range c.all() {
		d.mu.Lock()
		switch {
		case d.signedOut == yes && !d.over:
			c.t.Errorf("a session of %s was signed out and never heard of it", d.owner)
		case d.over:
			ended++
		default:
			alive++
		}
		d.mu.Unlock()
	}
	return alive, ended
}

// welcome has everybody sign in once more: who signed up can, who was blocked cannot.
func (c *crowd) welcome() {
	c.t.Helper()
	for name, free := range c.people {
		want := http.StatusForbidden
		if free {
			want = http.StatusOK
		}
		if a := c.final(signIn(name)); a.status != want {
			c.t.Errorf("%s signs in and is answered %s, want %d", name, a, want)
		}
	}
}

// promises runs the checks that end every story.
func (c *crowd) promises(t testing.TB) {
	t.Helper()
	c.allReady()
	alive, ended := c.recall()
	c.welcome()
	t.Logf("%s; at last %d alive and %d ended on every node", c.report(), alive, ended)
}
