package signing_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

func TestTheLifeOfAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	first := keyID(t, w.mint(r))

	w.pass(29*day - time.Minute)
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{1: signing.Current})

	w.pass(time.Minute)
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{1: signing.Current, 2: signing.Next})
	if got := published(t, r); len(got) != 2 || got[0] != first {
		t.Errorf("published are %v, want the first and the next", got)
	}

	w.pass(day - time.Second)
	last := w.mint(r)
	if got := keyID(t, last); got != first {
		t.Errorf("key %s signs too early", got)
	}

	w.pass(time.Second) // nobody has called Maintain since
	if got := keyID(t, w.mint(r)); got == first {
		t.Error("the first key still signs")
	}
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{1: signing.Old, 2: signing.Current})

	w.pass(10*time.Minute - 2*time.Second)
	w.maintain(r)
	w.accept(last, r)

	w.pass(time.Hour)
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{1: signing.Retired, 2: signing.Current})
	if _, err := r.Key(t.Context(), first); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("the retired key is known: %v", err)
	}
	if got := published(t, r); len(got) != 1 || got[0] == first {
		t.Errorf("published are %v, want the second alone", got)
	}

	w.pass(7 * day)
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{2: signing.Current})
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

func TestRotateNowPublishesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, other := w.open(), w.open()
	if err := r.RotateNow(t.Context(), false, "cli"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Current, 2: signing.Next})
	if err := r.RotateNow(t.Context(), false, "cli"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Current, 2: signing.Next}) // the one on its way will do
	token := w.mint(other)
	w.maintain(other)
	w.pass(23 * time.Minute)
	wantStates(t, r, map[int]signing.State{1: signing.Old, 2: signing.Current})
	w.accept(w.mint(r), r, other)
	if a, b := keyID(t, token), keyID(t, w.mint(other)); a == b {
		t.Error("the other node signs with the old key")
	}
}

func TestAnEmergencyRevokesWhatTheOthersSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, other := w.open(), w.open()
	w.pass(29 * day)
	w.maintain(r, other)
	before := w.mint(r)
	w.accept(before, r, other)
	if err := r.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Revoked, 3: signing.Current})
	if err := w.verify(r, before); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("the old token is accepted: %v", err)
	}
	after := w.mint(r)
	w.accept(after, r)
	if got := published(t, r); len(got) != 1 || got[0] != keyID(t, after) {
		t.Errorf("published are %v, want the new key alone", got)
	}

	w.pass(signing.MaintainEvery)
	w.maintain(other)
	w.accept(after, other)
	if err := w.verify(other, before); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("another node accepts the old token: %v", err)
	}
	// The key that was about to sign never does.
	w.pass(2 * day)
	w.maintain(r, other)
	w.accept(w.mint(other), r, other)
	wantStates(t, other, map[int]signing.State{1: signing.Revoked, 2: signing.Revoked, 3: signing.Current})
}

func TestAVerifierForgetsTokensOfARevokedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	v, err := verify.New(t.Context(), issuer, audience, verify.WithKeys(r), verify.WithNow(w.clock))
	if err != nil {
		t.Fatal(err)
	}
	token := w.mint(r)
	for range 2 { // the second time it is remembered
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("Verify = %v, want ErrUnknownKey", err)
	}
}

func TestAnEmergencyIsFinishedForACallerWhoLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.RotateNow(ctx, true, "cli"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Current})
}

func TestNewKeysAreEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	w.pass(29 * day)
	w.maintain(r)
	w.pass(time.Hour)
	if err := r.RotateNow(t.Context(), true, "0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90"); err != nil {
		t.Fatal(err)
	}
	events, err := w.events.Events(t.Context(), audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	list := r.List()
	event := func(at time.Time, actor string, key signing.KeyInfo, reason string) audit.Event {
		return audit.Event{At: at, Type: audit.KeyRotated, Actor: actor, Detail: map[string]string{
			"key": key.ID, "number": fmt.Sprint(key.Number), "algorithm": "ES256", "active_at": key.ActiveAt.Format(time.RFC3339), "reason": reason,
		}}
	}
	want := []audit.Event{
		event(start.Add(29*day+time.Hour), "0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90", list[0], "emergency"),
		event(start.Add(29*day), "system", list[1], "scheduled"),
		event(start, "system", list[2], "first"),
	}
	if diff := cmp.Diff(want, events, cmpopts.IgnoreFields(audit.Event{}, "ID")); diff != "" {
		t.Error(diff)
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

func TestKeysOutliveTheMasterSecretThatSealedThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.mint(w.open())
	r := w.open(func(c *signing.Config) { c.Master = master(t, 2, 1) })
	w.accept(before, r)
	w.accept(w.mint(r), r)
}

func TestALostMasterSecretStopsTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.mint(w.open())
	w.pass(40 * day) // a new key is due, but not by a node that is wrong
	stranger := w.config(func(c *signing.Config) { c.Master = master(t, 2) })
	_, err := signing.Open(t.Context(), stranger)
	if !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), "watchword key rotate --revoke") {
		t.Fatalf("Open = %v, want ErrSealed and what helps", err)
	}
	if records, err := w.store.Keys(t.Context()); err != nil || len(records) != 1 {
		t.Fatalf("it left %d keys, %v", len(records), err)
	}

	r, err := signing.Replace(t.Context(), stranger, "cli")
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Current})
	w.accept(w.mint(r), r)
	if err := w.verify(r, before); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("the lost key verifies: %v", err)
	}
	if _, err := signing.Open(t.Context(), stranger); err != nil {
		t.Errorf("the next start fails: %v", err)
	}
}

// forgedRecord is a key of somebody who can write to the database, but has no
// master secret of ours.
func forgedRecord(t *testing.T, number int) signing.Record {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signing.Record{
		Number: number, ID: "forged", Algorithm: "ES256", Public: public,
		Sealed: master(t, 66).Seal("signing key", "forged", plain), CreatedAt: start, ActiveAt: start,
	}
}

func TestAKeyFromTheDatabaseAloneIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	if err := w.store.Add(t.Context(), forgedRecord(t, 2)); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	for range 2 {
		if err := r.Maintain(t.Context()); !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), "signing key 2 (forged)") {
			t.Fatalf("Maintain = %v, want an alarm that names the key", err)
		}
	}
	if _, err := r.Key(t.Context(), "forged"); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("it verifies: %v", err)
	}
	if got := published(t, r); len(got) != 1 || got[0] == "forged" {
		t.Errorf("published are %v", got)
	}
	w.accept(w.mint(r), r)

	// An operator who revokes all keys is rid of it.
	if err := r.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Revoked, 3: signing.Current})
}

// swapped is a store in which somebody replaced the public part of a key.
type swapped struct {
	signing.Store
	public []byte
}

func (s *swapped) Keys(ctx context.Context) ([]signing.Record, error) {
	records, err := s.Store.Keys(ctx)
	for i := range records {
		if s.public != nil {
			records[i].Public = s.public
		}
	}
	return records, err
}

func TestAKeyThatIsInUseIsLookedAtAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &swapped{Store: w.store}
	r := w.open(func(c *signing.Config) { c.Store = store })
	token := w.mint(r)
	store.public = forgedRecord(t, 1).Public
	if err := r.Maintain(t.Context()); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("Maintain = %v, want an alarm", err)
	}
	if err := w.verify(r, token); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("the key still verifies: %v", err)
	}
	store.public = nil
	w.maintain(r)
	w.accept(token, r)
}

// deaf is an event store that does not listen.
type deaf struct{ audit.Store }

func (deaf) Record(context.Context, ...audit.Event) error { return errDown }

func TestAKeyWorksThoughNobodyWroteItDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.events = deaf{}
	r := w.open()
	w.accept(w.mint(r), r)
	if !strings.Contains(w.log.String(), "record an event") {
		t.Errorf("the log does not say so: %s", &w.log)
	}
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

// failing is a store whose next calls fail.
type failing struct {
	signing.Store
	before, after map[string]error // by verb: without effect, or with it
}

func (f *failing) call(verb string, act func() error) error {
	if err := f.before[verb]; err != nil {
		return err
	}
	return errors.Join(act(), f.after[verb])
}

func (f *failing) Keys(ctx context.Context) (records []signing.Record, err error) {
	err = f.call("keys", func() error { records, err = f.Store.Keys(ctx); return err })
	if err != nil {
		return nil, err
	}
	return records, nil
}

func (f *failing) Add(ctx context.Context, r signing.Record) error {
	return f.call("add", func() error { return f.Store.Add(ctx, r) })
}

func (f *failing) Revoke(ctx context.Context, id string, at time.Time) error {
	return f.call("revoke", func() error { return f.Store.Revoke(ctx, id, at) })
}

var errDown = errors.New("the store is down")

func TestAnOutageOfTheStoreStopsNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &failing{Store: w.store}
	w.store = store
	r := w.open()
	w.pass(29 * day)
	w.maintain(r)
	store.before = map[string]error{"keys": errDown}
	for range 3 {
		w.pass(12 * time.Hour)
		if err := r.Maintain(t.Context()); !errors.Is(err, errDown) {
			t.Fatalf("Maintain = %v, want errDown", err)
		}
		w.accept(w.mint(r), r) // through the change of keys
	}
	wantStates(t, r, map[int]signing.State{1: signing.Old, 2: signing.Current})
	if _, err := signing.Open(t.Context(), w.config()); !errors.Is(err, errDown) {
		t.Errorf("Open = %v, want errDown", err)
	}
}

func TestAKillBetweenAddAndUseIsHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &failing{Store: w.store, after: map[string]error{"add": errDown}}
	w.store = store
	// The key is in the store, and whoever made it does not know.
	if _, err := signing.Open(t.Context(), w.config()); !errors.Is(err, errDown) {
		t.Fatalf("Open = %v, want errDown", err)
	}
	store.after = nil
	r, other := w.open(), w.open()
	w.accept(w.mint(r), r, other)
	wantStates(t, r, map[int]signing.State{1: signing.Current})

	// The same in an emergency: nothing is revoked yet, and the operator was told.
	store.before = map[string]error{"revoke": errDown}
	if err := r.RotateNow(t.Context(), true, "cli"); !errors.Is(err, errDown) {
		t.Fatalf("RotateNow = %v, want errDown", err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Old, 2: signing.Current})
	store.before = nil
	if err := r.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Revoked, 3: signing.Current})
}

// rival is a store in which another node is always first.
type rival struct {
	signing.Store
	other *signing.Ring
	times int
}

func (s *rival) Add(ctx context.Context, r signing.Record) error {
	if s.times > 0 {
		s.times--
		if err := s.other.RotateNow(ctx, true, "cli"); err != nil {
			return err
		}
	}
	return s.Store.Add(ctx, r)
}

func TestWhoIsSecondLooksAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.open()
	late := &rival{Store: w.store, other: other, times: 3}
	r := w.open(func(c *signing.Config) { c.Store = late })
	if err := r.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Revoked, 3: signing.Revoked, 4: signing.Revoked, 5: signing.Current})
	late.times = 1000
	if err := r.RotateNow(t.Context(), true, "cli"); !errors.Is(err, signing.ErrTaken) {
		t.Errorf("RotateNow = %v, want ErrTaken at last", err)
	}
}

func TestARoundEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Maintain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Maintain = %v, want Canceled", err)
	}
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

// source is randomness that repeats. It hides what it gives, as ours does.
func source(seed []byte) io.Reader {
	return reading(func(p []byte) (int, error) { return copy(p, seed), nil })
}

type reading func([]byte) (int, error)

func (f reading) Read(p []byte) (int, error) { return f(p) }

func TestNothingPrintsAPrivateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed := bytes.Repeat([]byte{0xa7, 0x3c}, 16)
	for _, algorithm := range []verify.Algorithm{verify.ES256, verify.Ed25519, verify.HS256} {
		c := w.config(func(c *signing.Config) { c.Algorithm, c.Rand = algorithm, source(seed) })
		if algorithm == verify.HS256 {
			c.Secret = seed
		}
		w.store = memory.New().Keys
		c.Store = w.store
		r, err := signing.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		records, err := w.store.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		holder := struct {
			Ring    *signing.Ring
			ring    *signing.Ring
			Config  signing.Config
			Records []signing.Record
			List    []signing.KeyInfo
		}{r, r, c, records, r.List()}
		printed := []string{string(r.JWKS())}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, value := range []any{r, c, records, holder, &holder} {
				printed = append(printed, fmt.Sprintf(verb, value))
			}
		}
		log := slog.New(slog.NewJSONHandler(&w.log, nil))
		log.Info("it", "ring", r, "config", c, "records", records, "list", r.List())
		slog.New(slog.NewTextHandler(&w.log, nil)).Info("it", "ring", r, "config", c, "records", records)
		printed = append(printed, w.log.String())
		dump := fmt.Sprint([]byte(seed))
		for _, text := range printed {
			for _, spelling := range []string{
				string(seed), hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed)[:40], base64.RawURLEncoding.EncodeToString(seed)[:40],
				strings.Trim(dump, "[]"), new(big.Int).SetBytes(seed).String(), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", seed), "[]byte{"), "}"),
			} {
				if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
					t.Errorf("%s: the private key is printed: %.200s…", algorithm, text)
				}
			}
		}
	}
}
