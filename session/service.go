package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/verify"
)

// Users finds the user of a session. It is read at every refresh, so that roles
// and blocks take effect there.
type Users interface {
	Find(ctx context.Context, id account.ID) (account.User, error)
}

// Minter signs access tokens. See signing.Ring.
type Minter interface {
	Mint(claims verify.Claims) (string, error)
}

// Config is what a Service needs. All but the last four must be set.
type Config struct {
	Store  Store
	Users  Users
	Minter Minter
	Tokens *TokenKeys
	Events audit.Store
	Policy Policy

	Issuer   string // of access tokens
	Audience string // of access tokens

	// Announce, if set, is told of every session that this service ended, after
	// it is durable.
	Announce func(Revocation)

	// Observe, if set, is told every verdict, for metrics.
	Observe func(kind Kind, healed bool)

	Now    func() time.Time // default: time.Now
	Rand   io.Reader        // default: crypto/rand
	Logger *slog.Logger     // default: slog.Default
}

// Service is the use cases of sessions. It is safe for concurrent use.
type Service struct {
	Config
	step     func(context.Context, ID, Rule) (bool, error) // see Stepper
	timeline timeline
}

// New checks the configuration and makes a Service.
func New(c Config) (*Service, error) {
	if err := c.Policy.Validate(); err != nil {
		return nil, err
	}
	if c.Store == nil || c.Users == nil || c.Minter == nil || c.Tokens == nil || c.Events == nil {
		return nil, errors.New("session: a store, users, a minter, token keys and an event store are needed")
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
	if c.Announce == nil {
		c.Announce = func(Revocation) {}
	}
	if c.Observe == nil {
		c.Observe = func(Kind, bool) {}
	}
	return &Service{Config: c, step: stepOf(c.Store, c.Users)}, nil
}

// Grant is what a sign-in or a refresh gives.
type Grant struct {
	User         account.User
	Session      Session // as it is after the grant
	At           time.Time
	AccessToken  string
	ExpiresAt    time.Time // the access token's
	RefreshToken string    // the current one

	// Renewed says that RefreshToken is not the one that was presented. An
	// unchanged token must not be set as a cookie again: a late answer would
	// roll a newer one back.
	Renewed bool
}

// grant mints the access token of a session for a user, as they are now.
func (s *Service) grant(user account.User, session Session, now time.Time) (Grant, error) {
	var id [16]byte
	if _, err := io.ReadFull(s.Rand, id[:]); err != nil {
		return Grant{}, fmt.Errorf("draw a token id: %w", err)
	}
	expiry := now.Add(s.Policy.AccessTTL)
	if session.ExpiresAt.Before(expiry) {
		expiry = session.ExpiresAt
	}
	token, err := s.Minter.Mint(verify.Claims{
		Issuer:    s.Issuer,
		Subject:   user.ID.String(),
		Audience:  []string{s.Audience},
		ClientID:  session.ClientID,
		IssuedAt:  now,
		Expiry:    expiry,
		ID:        base64.RawURLEncoding.EncodeToString(id[:]),
		SessionID: session.ID.String(),
		AuthTime:  session.CreatedAt,
		Roles:     user.Roles,
		Epoch:     user.Epoch,
		Username:  user.Username,
		Email:     user.Email,
	})
	if err != nil {
		return Grant{}, fmt.Errorf("mint an access token: %w", err)
	}
	return Grant{User: user, Session: session, At: now, AccessToken: token, ExpiresAt: expiry}, nil
}

// ErrRequestKey is returned for an Idempotency-Key that is too long.
var ErrRequestKey = errors.New("an Idempotency-Key has at most 255 bytes")

// NewRequestKey digests an Idempotency-Key header; "" is the zero RequestKey.
func NewRequestKey(header string) (RequestKey, error) {
	if header == "" {
		return RequestKey{}, nil
	}
	if len(header) > 255 {
		return RequestKey{}, ErrRequestKey
	}
	sum := sha256.Sum256([]byte("watchword/request-key/1" + header))
	return RequestKey(sum[:16]), nil
}

// now is the time to the microsecond, as stores keep it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// settled is a context for what must not be abandoned half-way because the
// client hung up: a revocation, above all.
func settled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
