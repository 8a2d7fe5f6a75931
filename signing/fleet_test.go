package signing_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/verify"
)

// fleet is three nodes on one store, and three resource servers that know of the
// issuer nothing but a JWKS, which they take from any node and keep for its
// max-age. Nodes look at the store once a minute, each at its own second, and
// sometimes miss a round; their clocks differ by up to a minute.
type fleet struct {
	*world
	random  *rand.Rand
	nodes   []*node
	servers []*server
	expires map[string]time.Time // by key: when the last token it signed does, for everybody
}

type node struct {
	ring   *signing.Ring
	skew   time.Duration
	next   time.Time // its next round
	missed bool      // the last one
}

type server struct {
	fetched time.Time
	keys    []string
}

func newFleet(t *testing.T, seed uint64) *fleet {
	f := &fleet{world: newWorld(t), random: rand.New(rand.NewPCG(seed, seed)), expires: map[string]time.Time{}}
	for _, skew := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
		n := &node{skew: skew}
		f.start(n)
		f.nodes = append(f.nodes, n)
	}
	for range 3 {
		f.servers = append(f.servers, &server{})
	}
	return f
}

// between is a random duration.
func (f *fleet) between(least, most time.Duration) time.Duration {
	return least + time.Duration(f.random.Int64N(int64(most-least)+1))
}

// start starts a node, or starts it again.
func (f *fleet) start(n *node) {
	f.t.Helper()
	n.ring = f.open(func(c *signing.Config) {
		c.Algorithm = verify.Ed25519
		c.Now = func() time.Time { return f.clock().Add(n.skew) }
		c.Logger = slog.New(slog.DiscardHandler)
	})
	n.next = f.clock().Add(f.between(0, signing.MaintainEvery))
	n.missed = false
}

func (f *fleet) any() *node { return f.nodes[f.random.IntN(len(f.nodes))] }

// step lets a while pass and everybody do what they do.
func (f *fleet) step() {
	f.t.Helper()
	pause := time.Hour // while nothing happens rounds are rare, to save time
	if f.busy() {
		pause = f.between(time.Second, signing.MaintainEvery/2)
	}
	f.pass(pause)
	now := f.clock()
	for _, n := range f.nodes {
		if now.Before(n.next) {
			continue
		}
		n.next = n.next.Add(signing.MaintainEvery)
		if n.next.Before(now) {
			n.next = now.Add(f.between(0, signing.MaintainEvery))
		}
		if n.missed = !n.missed && f.random.IntN(10) == 0; n.missed {
			continue
		}
		if f.random.IntN(500) == 0 {
			f.start(n)
		}
		f.maintain(n.ring)
	}
	for _, s := range f.servers {
		if now.Sub(s.fetched) >= 10*time.Minute-f.between(0, time.Minute) {
			s.fetched, s.keys = now, published(f.t, f.any().ring)
		}
	}
}

// busy reports whether a key is about to sign, or has just begun to.
func (f *fleet) busy() bool {
	return slices.ContainsFunc(f.nodes, func(n *node) bool {
		return slices.ContainsFunc(n.ring.List(), func(k signing.KeyInfo) bool {
			left := k.ActiveAt.Sub(f.clock())
			return left < 65*time.Minute && left > -15*time.Minute
		})
	})
}

// sign has nodes mint a token.
func (f *fleet) sign(nodes ...*node) {
	f.t.Helper()
	now := f.clock()
	for _, n := range nodes {
		own := now.Add(n.skew)
		token, err := n.ring.Mint(verify.Claims{
			Issuer: issuer, Subject: "ada", Audience: []string{audience}, ClientID: "web",
			IssuedAt: own, Expiry: own.Add(10 * time.Minute), ID: "token-1",
		})
		if err != nil {
			f.t.Fatal(err)
		}
		id := keyID(f.t, token)
		if _, known := f.expires[id]; !known {
			for _, other := range f.nodes { // the signature too, once for every key
				f.accept(token, other.ring)
			}
		}
		// The clock of whoever verifies may be behind, and there is a leeway.
		if until := own.Add(10*time.Minute + time.Minute + 30*time.Second); until.After(f.expires[id]) {
			f.expires[id] = until
		}
	}
}

// check expects that all know the key of every token that has not expired.
func (f *fleet) check() {
	f.t.Helper()
	now := f.clock()
	for id, until := range f.expires {
		if now.After(until) {
			continue
		}
		for i, n := range f.nodes {
			if _, err := n.ring.Key(f.t.Context(), id); err != nil {
				f.t.Fatalf("%s, node %d: key %s: %v", now.Sub(start), i, id, err)
			}
		}
		for i, s := range f.servers {
			if !slices.Contains(s.keys, id) {
				f.t.Fatalf("%s, resource server %d: key %s is not among those of %s ago", now.Sub(start), i, id, now.Sub(s.fetched))
			}
		}
	}
}

func TestNobodyNoticesARotation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, seed)
			wish := f.between(10*day, 60*day) // an operator wants a new key, now and then
			for f.clock().Sub(start) < 200*day {
				f.step()
				if f.clock().Sub(start) > wish {
					wish += f.between(time.Minute, 60*day)
					if err := f.any().ring.RotateNow(t.Context(), false, "cli"); err != nil {
						t.Fatal(err)
					}
				}
				f.sign(f.any())
				f.check()
			}
			f.oneEventForEachKey(6)
		})
	}
}

// oneEventForEachKey expects that no number was given twice, and how many keys
// have signed at least.
func (f *fleet) oneEventForEachKey(least int) {
	f.t.Helper()
	events, err := f.events.Events(f.t.Context(), audit.Query{Type: audit.KeyRotated, Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	for i, event := range events {
		if want := fmt.Sprint(len(events) - i); event.Detail["number"] != want {
			f.t.Errorf("event %d is of key %s, want %s", i, event.Detail["number"], want)
		}
	}
	if len(f.expires) < least || len(f.expires) > len(events) {
		f.t.Errorf("%d keys signed, %d were made; want %d or more", len(f.expires), len(events), least)
	}
}

func TestALostKeyIsDeadEverywhereWithinTheMaxAge(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 7)
	f.pass(29*day + 22*time.Hour) // a next key is published
	f.step()
	f.sign(f.nodes...)
	lost := f.expires
	f.expires = map[string]time.Time{}
	if err := f.any().ring.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	began := f.clock()
	for f.clock().Sub(began) < 26*time.Hour { // it would have signed by then
		f.pass(time.Duration(f.random.Int64N(int64(30 * time.Second))))
		for _, n := range f.nodes {
			if !f.clock().Before(n.next) {
				n.next = n.next.Add(signing.MaintainEvery)
				f.maintain(n.ring)
			}
		}
		for _, s := range f.servers {
			if f.clock().Sub(s.fetched) >= 9*time.Minute {
				s.fetched, s.keys = f.clock(), published(t, f.any().ring)
			}
		}
		age := f.clock().Sub(began)
		for id := range lost {
			for i, n := range f.nodes {
				if _, err := n.ring.Key(t.Context(), id); age > signing.MaintainEvery+30*time.Second && !errors.Is(err, verify.ErrUnknownKey) {
					t.Fatalf("node %d knows a lost key after %s", i, age)
				}
			}
			for i, s := range f.servers {
				if age > 12*time.Minute && slices.Contains(s.keys, id) {
					t.Fatalf("resource server %d knows a lost key after %s", i, age)
				}
			}
		}
		if age > 12*time.Minute {
			f.sign(f.any())
			f.check()
		}
	}
}
