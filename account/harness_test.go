package account_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
)

// house is an account service with everything around it, in memory, whose clock
// moves only when told to. At its end it looks through every event and every
// line of the log for passwords and hashes.
type house struct {
	*account.Service
	stores  store.Set
	hasher  *password.Hasher
	clock   *clock
	ended   *endings
	epochs  *epochs
	log     *bytes.Buffer
	secrets []string // that must appear nowhere
}

// home is where the honest people of these stories sign in from.
var home = account.Origin{IP: "192.0.2.7", UserAgent: "Firefox on Linux"}

// cheap makes hashes quickly; what is tested here is not their strength.
var cheap = password.Cost{Memory: 64, Passes: 1, Lanes: 1}

func newHouse(t *testing.T, change ...func(*account.Config)) *house {
	t.Helper()
	h := &house{
		stores: memory.New(),
		hasher: password.New(password.Config{Cost: cheap}),
		clock:  &clock{at: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)},
		ended:  &endings{},
		epochs: &epochs{},
		log:    &bytes.Buffer{},
	}
	config := account.Config{
		Store: h.stores.Users, Sessions: h.ended, Events: h.stores.Events,
		SignupOpen: true, Announce: h.epochs.announce, Hasher: h.hasher, Now: h.clock.now,
		Logger: slog.New(slog.NewTextHandler(h.log, nil)),
	}
	for _, c := range change {
		c(&config)
	}
	service, err := account.New(config)
	if err != nil {
		t.Fatal(err)
	}
	h.Service = service
	t.Cleanup(func() { h.keepsSecrets(t) })
	return h
}

// keepsSecrets fails the test if a password or a hash is where it must not be.
func (h *house) keepsSecrets(t *testing.T) {
	events, err := h.stores.Events.Events(context.Background(), audit.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	told := fmt.Sprintf("%+v\n%s", events, h.log)
	for _, secret := range append(h.secrets, "$argon2", "$2a$", "$2b$", "$2y$", "$scrypt$") {
		if strings.Contains(told, secret) {
			t.Errorf("%q is in an event or in the log:\n%s", secret, told)
		}
	}
}

// secret notes a password that must be told nowhere, and returns it.
func (h *house) secret(p string) string {
	h.secrets = append(h.secrets, p)
	return p
}

// signUp makes a user with this name and password.
func (h *house) signUp(t *testing.T, name, pass string) account.User {
	t.Helper()
	user, err := h.SignUp(t.Context(), account.NewUser{
		Username: name, Email: name + "@example.org", Password: h.secret(pass),
	}, home)
	if err != nil {
		t.Fatalf("sign %s up: %v", name, err)
	}
	return user
}

// events are the types of all events, oldest first.
func (h *house) events(t *testing.T) []audit.Event {
	t.Helper()
	events, err := h.stores.Events.Events(t.Context(), audit.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
		events[i], events[j] = events[j], events[i]
	}
	return events
}

// last is the latest event of the type.
func (h *house) last(t *testing.T, typ audit.Type) audit.Event {
	t.Helper()
	events, err := h.stores.Events.Events(t.Context(), audit.Query{Type: typ, Limit: 1})
	if err != nil || len(events) == 0 {
		t.Fatalf("there is no event %s (%v)", typ, err)
	}
	return events[0]
}

func (h *house) users(t *testing.T) int {
	t.Helper()
	n, _, err := h.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// clock is a time that moves only when told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// ending is one call that ends a user's sessions.
type ending struct {
	User               account.ID
	Except, Reason, By string
}

// endings is an account.Sessions that keeps what it was asked.
type endings struct {
	mu    sync.Mutex
	calls []ending
	err   error
}

func (e *endings) EndUser(_ context.Context, user account.ID, except, reason, by string) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, ending{user, except, reason, by})
	return 1, e.err
}

// epochs keeps what was announced.
type epochs struct {
	mu   sync.Mutex
	told []account.EpochChange
}

func (e *epochs) announce(c account.EpochChange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, c)
}

// broken is a user store that fails where it is told to.
type broken struct {
	account.Store
	find, add, replace error
	stuck              chan struct{} // if set, looking up by name waits until it is closed
}

var errDisk = errors.New("the disk is on fire")

func (b *broken) FindByUsername(ctx context.Context, key string) (account.User, error) {
	if b.stuck != nil {
		<-b.stuck
	}
	if b.find != nil {
		return account.User{}, b.find
	}
	return b.Store.FindByUsername(ctx, key)
}

func (b *broken) Add(ctx context.Context, u account.User) error {
	if b.add != nil {
		return b.add
	}
	return b.Store.Add(ctx, u)
}

func (b *broken) ReplaceHash(ctx context.Context, id account.ID, old, new string) (bool, error) {
	if b.replace != nil {
		return false, b.replace
	}
	return b.Store.ReplaceHash(ctx, id, old, new)
}
