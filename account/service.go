package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/internal/uuid"
)

// Sessions ends sessions. The session service stands behind it.
type Sessions interface {
	// EndUser ends all sessions of a user, durably, but the one whose id is
	// except ("": none), and returns how many it ended. The reason is one of
	// ReasonPasswordChanged and ReasonBlocked; by is an Actor's By.
	EndUser(ctx context.Context, user ID, except, reason, by string) (int, error)
}

// Why sessions end when an account changes, in the words of package session.
const (
	ReasonPasswordChanged = "password_changed"
	ReasonBlocked         = "user_blocked"
)

// Origin is where a request came from, as far as we can tell.
type Origin struct {
	IP        string // textual, as the trusted proxies report it; "" if there is none
	UserAgent string // cut to 256 bytes before it is kept
}

// Actor is who does something to an account, and from where.
type Actor struct {
	By   string // a user's id, or ByCLI
	From Origin
}

// ByCLI is the actor of whoever has the server's own command line.
const ByCLI = "cli"

// Config is what a Service needs. Store, Sessions and Events must be set.
type Config struct {
	Store    Store
	Sessions Sessions
	Events   audit.Store

	Roles      []string // known beside user, moderator and admin
	SignupOpen bool     // whether strangers may sign up

	// Announce, if set, is told of every epoch that this service raised, after it
	// is durable.
	Announce func(EpochChange)

	// ResetKeys authenticate reset codes, 32 bytes or more each: the current key,
	// then those it replaced. Without them no codes are made.
	ResetKeys [][]byte

	// Observe, if set, is told how every Authenticate ended, for metrics: its error.
	Observe func(error)

	Hasher *password.Hasher // default: Argon2id as password.New makes it
	Limits Limits           // default: see Limits

	Now    func() time.Time // default: time.Now
	Rand   io.Reader        // default: crypto/rand
	Logger *slog.Logger     // default: slog.Default
}

// Service is the use cases of accounts. It is safe for concurrent use.
type Service struct {
	config Config
	roles  []string // all that are known, sorted
	guard  guard
	taking chan struct{} // held by who may take an administrator away
	setup  setup
}

// New checks the configuration and makes a Service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Sessions == nil || c.Events == nil {
		return nil, errors.New("account: a store, sessions and an event store are needed")
	}
	for _, role := range c.Roles {
		if !isRole(role) {
			return nil, fmt.Errorf("account: %q cannot be a role: use 1 to 32 of a-z, 0-9, '-', '_', '.' and ':'", role)
		}
	}
	for i, key := range c.ResetKeys {
		if len(key) < 32 {
			return nil, fmt.Errorf("account: key %d of reset codes has %d bytes, needs 32", i+1, len(key))
		}
	}
	if c.Announce == nil {
		c.Announce = func(EpochChange) {}
	}
	if c.Observe == nil {
		c.Observe = func(error) {}
	}
	if c.Hasher == nil {
		c.Hasher = password.New(password.Config{Rand: c.Rand})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Service{
		config: c,
		roles:  roleSet(append([]string{RoleUser, RoleModerator, RoleAdmin}, c.Roles...)),
		guard:  newGuard(c.Limits, c.Now),
		taking: make(chan struct{}, 1),
	}, nil
}

// Roles is every role that a user may have, sorted.
func (s *Service) Roles() []string { return slices.Clone(s.roles) }

// SignupOpen reports whether strangers may sign up.
func (s *Service) SignupOpen() bool { return s.config.SignupOpen }

// now is the time to the microsecond, as stores keep it.
func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Microsecond) }

// announce tells who follows that access tokens of an older epoch are stale.
func (s *Service) announce(u User) {
	s.config.Announce(EpochChange{User: u.ID, Epoch: u.Epoch, At: u.EpochAt})
}

// record keeps events. What they tell has happened already, so a store that
// fails here costs the story, not the act.
func (s *Service) record(ctx context.Context, events ...audit.Event) {
	ctx, cancel := settled(ctx)
	defer cancel()
	now := s.now()
	for i := range events {
		events[i].At = now
		events[i].ID = uuid.New(now, s.config.Rand)
		events[i].UserAgent = cut(events[i].UserAgent, 256)
	}
	if err := s.config.Events.Record(ctx, events...); err != nil {
		s.config.Logger.ErrorContext(ctx, "events not recorded", "count", len(events), "type", events[0].Type, "user", events[0].User, "error", err)
	}
}

// settled is a context for what must not be abandoned half-way because the
// client hung up: a block and the sessions that it ends, above all.
func settled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
