package signing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/verify"
)

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
