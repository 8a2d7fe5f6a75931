package signing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/verify"
)

func TestTheFirstStartMakesAKeyThatSignsAtOnce(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []verify.Algorithm{"", verify.ES256, verify.Ed25519, verify.RS256} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.open(func(c *signing.Config) { c.Algorithm = algorithm })
			w.accept(w.mint(r), r)
			wantStates(t, r, map[int]signing.State{1: signing.Current})
			if algorithm == "" {
				algorithm = verify.ES256
			}
			if got := r.List()[0].Algorithm; got != string(algorithm) {
				t.Errorf("its algorithm is %s", got)
			}
		})
	}
}

func TestAnotherStartUsesTheSameKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.mint(w.open())
	w.pass(5 * time.Minute)
	again := w.open()
	w.accept(before, again)
	if a, b := keyID(t, before), keyID(t, w.mint(again)); a != b {
		t.Errorf("key %s, then %s", a, b)
	}
}

func TestNodesThatStartAtOnceAgreeOnTheFirstKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rings := make([]*signing.Ring, 8)
	var group sync.WaitGroup
	for i := range rings {
		group.Go(func() {
			r, err := signing.Open(t.Context(), w.config(func(c *signing.Config) { c.Logger = slog.New(slog.DiscardHandler) }))
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for _, r := range rings {
		w.accept(w.mint(r), rings...)
	}
	wantStates(t, rings[0], map[int]signing.State{1: signing.Current})
}

func TestListTellsWhenAKeyEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	w.pass(29 * day)
	w.maintain(r)
	list := r.List()
	want := []signing.KeyInfo{
		{Number: 2, Algorithm: "ES256", State: signing.Next, CreatedAt: start.Add(29 * day), ActiveAt: start.Add(30 * day)},
		{Number: 1, Algorithm: "ES256", State: signing.Current, CreatedAt: start, ActiveAt: start, EndsAt: start.Add(30*day + 63*time.Minute)},
	}
	if diff := cmp.Diff(want, list, cmpopts.IgnoreFields(signing.KeyInfo{}, "ID")); diff != "" {
		t.Error(diff)
	}
	w.pass(2 * day)
	w.maintain(r)
	if got := r.List()[1]; got.State != signing.Retired || !got.EndsAt.Equal(want[1].EndsAt) {
		t.Errorf("the first key is %s and ended at %s", got.State, got.EndsAt)
	}
}

func TestAChangeOfAlgorithmIsPublishedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.open()
	w.pass(day)
	changed := w.open(func(c *signing.Config) { c.Algorithm = verify.Ed25519 })
	w.maintain(old)
	before := w.mint(changed)
	w.accept(before, old, changed)
	w.pass(23 * time.Minute)
	// The node that is still configured for ES256 does not fight it.
	w.maintain(old, changed)
	after := w.mint(old)
	w.accept(after, old, changed)
	if keyID(t, before) == keyID(t, after) {
		t.Error("the algorithm has not changed")
	}
	wantStates(t, old, map[int]signing.State{1: signing.Old, 2: signing.Current})
}

func TestMintRefusesWithoutAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	for _, k := range r.List() {
		if err := w.store.Revoke(t.Context(), k.ID, start); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := r.Mint(verify.Claims{Issuer: issuer, Subject: "ada", Audience: []string{audience}, ClientID: "web", IssuedAt: start, Expiry: start, ID: "1"})
	if !errors.Is(err, signing.ErrNoKey) {
		t.Errorf("Mint = %v, want ErrNoKey", err)
	}
	w.maintain(r)
	w.accept(w.mint(r), r)
}

func TestHS256SharesOneSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shared := []byte("kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5")
	r, err := signing.Open(t.Context(), signing.Config{Algorithm: verify.HS256, Secret: shared, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	token := w.mint(r)
	w.accept(token, r)
	// A resource server needs to know nothing but the secret.
	if err := w.verify(verify.StaticKeys(verify.Key{Algorithm: verify.HS256, Secret: shared}), token); err != nil {
		t.Errorf("with the secret alone it is refused: %v", err)
	}
	if got := string(r.JWKS()); got != `{"keys":[]}` {
		t.Errorf("the JWKS is %s", got)
	}
	if diff := cmp.Diff([]signing.KeyInfo{{Algorithm: "HS256", State: signing.Current}}, r.List()); diff != "" {
		t.Error(diff)
	}
	if err := errors.Join(r.Maintain(t.Context()), r.Reload(t.Context())); err != nil {
		t.Error(err)
	}
	if err := r.RotateNow(t.Context(), true, "cli"); !errors.Is(err, signing.ErrShared) {
		t.Errorf("RotateNow = %v, want ErrShared", err)
	}
	shared[0] ^= 1 // the ring has its own
	w.accept(token, r)
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*signing.Config)
		says   string
	}{
		"no store":             {func(c *signing.Config) { c.Store = nil }, "store"},
		"no master secret":     {func(c *signing.Config) { c.Master = nil }, "master"},
		"no such algorithm":    {func(c *signing.Config) { c.Algorithm = "none" }, `"none"`},
		"one we only verify":   {func(c *signing.Config) { c.Algorithm = verify.PS256 }, "choose"},
		"a needless secret":    {func(c *signing.Config) { c.Secret = make([]byte, 32) }, "HS256"},
		"a short secret":       {func(c *signing.Config) { c.Algorithm, c.Secret = verify.HS256, make([]byte, 31) }, "31 bytes"},
		"no secret":            {func(c *signing.Config) { c.Algorithm = verify.HS256 }, "0 bytes"},
		"rotation in no time":  {func(c *signing.Config) { c.RotateEvery = 45 * time.Minute }, "46m"},
		"a negative lifetime":  {func(c *signing.Config) { c.AccessTTL = -1 }, "positive"},
		"a negative cache age": {func(c *signing.Config) { c.MaxAge = -1 }, "positive"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if _, err := signing.Open(t.Context(), w.config(tt.change)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Open = %v, want it to say %q", err, tt.says)
			}
			if _, err := signing.Replace(t.Context(), w.config(tt.change), "cli"); err == nil {
				t.Error("Replace accepts it")
			}
		})
	}
}

func TestAKeyThatAnotherNodeMadeIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(), w.open()
	old := w.mint(one)
	if err := one.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	w.accept(w.mint(one), one, two)
	// And with it, that the others are revoked; so it signs with the new one, too.
	if err := w.verify(two, old); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("what the lost key signed: %v", err)
	}
	w.accept(w.mint(two), one, two)
}

func TestStrangersCannotKeepTheStoreBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counted := &reads{Store: w.store}
	r := w.open(func(c *signing.Config) { c.Store = counted })
	w.pass(time.Minute)
	before := counted.n.Load()
	var flood sync.WaitGroup
	for n := range 100 {
		flood.Go(func() {
			if _, err := r.Key(t.Context(), fmt.Sprint("made up ", n)); !errors.Is(err, verify.ErrUnknownKey) {
				t.Errorf("key %d: %v", n, err)
			}
		})
	}
	flood.Wait()
	if n := counted.n.Load() - before; n != 1 {
		t.Errorf("the store was read %d times for 100 ids that nobody has, want once", n)
	}
	w.pass(signing.ReloadEvery)
	if _, err := r.Key(t.Context(), "made up later"); !errors.Is(err, verify.ErrUnknownKey) || counted.n.Load()-before != 2 {
		t.Errorf("after the cool-down: %v, %d reads", err, counted.n.Load()-before)
	}
}

// reads counts how often the keys are read.
type reads struct {
	signing.Store
	n atomic.Int64
}

func (r *reads) Keys(ctx context.Context) ([]signing.Record, error) {
	r.n.Add(1)
	return r.Store.Keys(ctx)
}
