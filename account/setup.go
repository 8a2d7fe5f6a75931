package account

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/throttle"
)

// SetupWithin is how long a set-up code is good for.
const SetupWithin = time.Hour

// SetupPrefix begins every set-up code, as ResetPrefix does reset codes.
const SetupPrefix = "wws_"

// setup is the offer to make the first administrator. The zero value: none.
type setup struct {
	mu     sync.Mutex
	digest [sha256.Size]byte // of the code, which is kept nowhere
	until  time.Time
}

// OfferSetup makes a code with which somebody makes the first administrator,
// once. It is good until anybody is an administrator, SetupWithin has passed, or
// this Service is gone: other nodes do not know it. Another offer takes the place
// of the one before.
func (s *Service) OfferSetup() (code string, expires time.Time, err error) {
	var random [18]byte // 144 bits, 24 characters
	if _, err := io.ReadFull(s.config.Rand, random[:]); err != nil {
		return "", time.Time{}, fmt.Errorf("draw a set-up code: %w", err)
	}
	code = SetupPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	expires = s.now().Add(SetupWithin)
	s.setup.mu.Lock()
	defer s.setup.mu.Unlock()
	s.setup.digest, s.setup.until = sha256.Sum256([]byte(code)), expires
	return code, expires, nil
}

// SetUp makes the first administrator for whoever has the set-up code. Of any
// number of concurrent calls with one code one succeeds.
//
// It fails with ErrSetupCode, as seldom as sign-ins may (*ThrottledError), or as
// Create does: then the code is good for another try.
func (s *Service) SetUp(ctx context.Context, code string, n NewUser, from Origin) (User, error) {
	attempt, err := enter(ctx, s.guard.address, throttle.AddressKey(from.IP))
	if err != nil {
		nobody := func(context.Context) (User, error) { return User{}, ErrNotFound }
		return User{}, s.throttled(ctx, err, nobody, from)
	}
	user, err := s.setUp(ctx, code, n)
	if errors.Is(err, ErrSetupCode) {
		attempt.Leave(throttle.Failed)
	} else {
		attempt.Leave(throttle.Passed)
	}
	if err != nil {
		return User{}, err
	}
	s.record(ctx, audit.Event{
		Type: audit.UserCreated, User: user.ID.String(), Actor: user.ID.String(), IP: from.IP, UserAgent: from.UserAgent,
		Detail: map[string]string{"roles": RoleAdmin + " " + RoleUser, "by": "setup_code"},
	})
	return user, nil
}

// setUp does it, one after the other: the second finds an administrator.
func (s *Service) setUp(ctx context.Context, code string, n NewUser) (User, error) {
	digest := sha256.Sum256([]byte(code))
	s.setup.mu.Lock()
	defer s.setup.mu.Unlock()
	right := subtle.ConstantTimeCompare(digest[:], s.setup.digest[:]) == 1
	if !right || !s.now().Before(s.setup.until) {
		return User{}, ErrSetupCode
	}
	admins, err := s.config.Store.List(ctx, Query{Role: RoleAdmin, Limit: 1})
	if err != nil {
		return User{}, fmt.Errorf("look for an administrator: %w", err)
	}
	if len(admins) > 0 {
		s.setup.until = time.Time{}
		return User{}, ErrSetupCode
	}
	n.Roles = []string{RoleAdmin, RoleUser}
	user, normal, err := s.draft(n)
	if err != nil {
		return User{}, err
	}
	if user, err = s.add(ctx, user, normal); err != nil {
		return User{}, err
	}
	s.setup.until = time.Time{}
	return user, nil
}
