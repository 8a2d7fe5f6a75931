package signing_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/verify"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	day      = 24 * time.Hour
	issuer   = "https://auth.example.com"
	audience = "https://api.example.com"
)

// world is a store, a clock and nodes that share them.
type world struct {
	t      testing.TB
	store  signing.Store
	events audit.Store
	log    bytes.Buffer // of all nodes; they run one after the other

	mu  sync.Mutex
	now time.Time
}

func newWorld(t testing.TB) *world {
	set := memory.New()
	return &world{t: t, store: set.Keys, events: set.Events, now: start}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func master(t testing.TB, current byte, old ...byte) *secret.Master {
	t.Helper()
	material := func(n byte) []byte {
		sum := sha256.Sum256([]byte{n})
		return sum[:]
	}
	var olds [][]byte
	for _, n := range old {
		olds = append(olds, material(n))
	}
	m, err := secret.New(material(current), olds...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// config is that of a node, changed.
func (w *world) config(changes ...func(*signing.Config)) signing.Config {
	c := signing.Config{
		Store: w.store, Master: master(w.t, 1), Events: w.events, Now: w.clock,
		Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, change := range changes {
		change(&c)
	}
	return c
}

// open starts a node.
func (w *world) open(changes ...func(*signing.Config)) *signing.Ring {
	w.t.Helper()
	r, err := signing.Open(w.t.Context(), w.config(changes...))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// maintain does a round on every node.
func (w *world) maintain(rings ...*signing.Ring) {
	w.t.Helper()
	for _, r := range rings {
		if err := r.Maintain(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// mint mints a token that lives ten minutes from now.
func (w *world) mint(r *signing.Ring) string {
	w.t.Helper()
	now := w.clock()
	token, err := r.Mint(verify.Claims{
		Issuer: issuer, Subject: "ada", Audience: []string{audience}, ClientID: "web",
		IssuedAt: now, Expiry: now.Add(10 * time.Minute), ID: "token-1",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// verify checks a token with the keys of a node.
func (w *world) verify(keys verify.KeySet, token string) error {
	w.t.Helper()
	v, err := verify.New(w.t.Context(), issuer, audience, verify.WithKeys(keys), verify.WithNow(w.clock), verify.WithCacheSize(0))
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = v.Verify(w.t.Context(), token)
	return err
}

// accept expects that every node accepts the token.
func (w *world) accept(token string, rings ...*signing.Ring) {
	w.t.Helper()
	for i, r := range rings {
		if err := w.verify(r, token); err != nil {
			w.t.Errorf("node %d refuses the token: %v", i, err)
		}
	}
}

// keyID is the kid in a token's header.
func keyID(t testing.TB, token string) string {
	t.Helper()
	encoded, _, _ := strings.Cut(token, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(header, &h); err != nil {
		t.Fatal(err)
	}
	return h.Kid
}

// states is what List shows, by number.
func states(r *signing.Ring) map[int]signing.State {
	m := map[int]signing.State{}
	for _, k := range r.List() {
		m[k.Number] = k.State
	}
	return m
}

func wantStates(t testing.TB, r *signing.Ring, want map[int]signing.State) {
	t.Helper()
	if diff := cmp.Diff(want, states(r)); diff != "" {
		t.Errorf("the states of the keys differ (-want +got):\n%s", diff)
	}
}

// published are the ids in a JWKS.
func published(t testing.TB, r *signing.Ring) []string {
	t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}
