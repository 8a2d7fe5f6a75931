package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/internal/throttle"
	"github.com/watchwordauth/watchword/trace"
)

// Authenticate checks a password and returns whose it is. The login is a
// username or an email address.
//
//	the throttles ── too many failures ─────────────► *ThrottledError
//	   │
//	the user, or nobody
//	   │
//	the password, or as much work for nobody ── no ─► ErrCredentials: the same for both
//	   │
//	the block ──────────────────────────────────────► ErrBlocked: the password was right
//	   │
//	a new hash, if the one there is weaker
//
// It begins no session. ErrBusy means that too many passwords are being checked.
func (s *Service) Authenticate(ctx context.Context, login, typed string, from Origin) (User, error) {
	ctx, span := trace.Start(ctx, "account.authenticate")
	defer span.End()
	user, err := s.authenticate(ctx, login, typed, from)
	s.config.Observe(err)
	return user, err
}

func (s *Service) authenticate(ctx context.Context, login, typed string, from Origin) (User, error) {
	key, find := s.finder(login)
	trial, err := s.guard.tryPassword(ctx, key, from)
	if err != nil {
		return User{}, s.throttled(ctx, err, find, from)
	}
	user, err := s.identify(ctx, find, typed, from)
	trial.over(err)
	if err != nil {
		return User{}, err
	}
	s.guard.meet(user, from)
	return user, nil
}

// finder is the key of a login, and how its user is found. What is neither a
// username nor an email address is nobody's.
func (s *Service) finder(login string) (key string, find func(context.Context) (User, error)) {
	key, err := UsernameKey(login)
	byKey := s.config.Store.FindByUsername
	if strings.Contains(login, "@") {
		key, err = EmailKey(login)
		byKey = s.config.Store.FindByEmail
	}
	if err != nil {
		return "? " + login, func(context.Context) (User, error) { return User{}, ErrNotFound }
	}
	return key, func(ctx context.Context) (User, error) { return byKey(ctx, key) }
}

// identify finds the user and checks their password and block.
func (s *Service) identify(ctx context.Context, find func(context.Context) (User, error), typed string, from Origin) (User, error) {
	user, err := find(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, fmt.Errorf("find the user: %w", err)
	}
	proof, err := s.prove(ctx, user, typed)
	if err != nil {
		return User{}, err
	}
	switch {
	case !proof.right:
		s.signInFailed(ctx, user, proof.why, from)
		return User{}, ErrCredentials
	case user.Blocked():
		s.signInFailed(ctx, user, "blocked", from)
		return User{}, ErrBlocked
	case proof.stale:
		return s.strengthen(ctx, user, typed), nil
	}
	return user, nil
}

// proof is what came of checking a password.
type proof struct {
	right bool
	stale bool   // the hash should be replaced
	why   string // not right, for the audit trail
}

// prove checks whether the password is the user's, with the same work whether or
// not there is such a user (whose id is zero if not).
func (s *Service) prove(ctx context.Context, user User, typed string) (proof, error) {
	why := "unknown_user"
	if !user.ID.IsZero() {
		why = "no_password"
	}
	if user.PasswordHash != "" {
		right, stale, err := s.config.Hasher.Check(ctx, user.PasswordHash, formFor(user.PasswordHash, typed))
		if !errors.Is(err, password.ErrUnsupported) {
			return proof{right, stale, "wrong_password"}, err
		}
		s.config.Logger.ErrorContext(ctx, "a user's password hash cannot be checked", "user", user.ID, "error", err)
		why = "unsupported_hash"
	}
	// Normalising is work too: 0.2 ms for the longest password.
	return proof{why: why}, s.config.Hasher.Dummy(ctx, formFor("$argon2id$", typed))
}

// strengthen makes a new hash of a password that was just right. If that goes
// wrong, the old one serves until the next time.
func (s *Service) strengthen(ctx context.Context, user User, typed string) User {
	normal, err := normalPassword(typed)
	if err != nil {
		return user // of characters that only its old system took
	}
	hash, err := s.config.Hasher.Hash(ctx, normal)
	if err != nil {
		s.config.Logger.WarnContext(ctx, "a password hash was not replaced by a stronger one", "user", user.ID, "error", err)
		return user
	}
	replaced, err := s.config.Store.ReplaceHash(ctx, user.ID, user.PasswordHash, hash)
	if err != nil {
		s.config.Logger.WarnContext(ctx, "a password hash was not replaced by a stronger one", "user", user.ID, "error", err)
	}
	if replaced {
		user.PasswordHash = hash
	}
	return user
}

func (s *Service) signInFailed(ctx context.Context, user User, why string, from Origin) {
	s.record(ctx, audit.Event{
		Type: audit.UserSignInFailed, User: idOrNone(user), IP: from.IP, UserAgent: from.UserAgent,
		Detail: map[string]string{"reason": why},
	})
}

// throttled turns the error of a throttle into the caller's, and records it once
// for each time that the failures ran out.
func (s *Service) throttled(ctx context.Context, err error, find func(context.Context) (User, error), from Origin) error {
	limited, ok := errors.AsType[*throttle.Limited](err)
	if !ok {
		return err
	}
	if limited.First {
		user, err := find(ctx)
		if err != nil {
			user = User{} // it is the trail that lacks a name then, not the answer
		}
		s.record(ctx, audit.Event{Type: audit.UserThrottled, User: idOrNone(user), IP: from.IP, UserAgent: from.UserAgent})
	}
	return &ThrottledError{RetryAfter: limited.After}
}

// idOrNone is the user's id as events have it.
func idOrNone(user User) string {
	if user.ID.IsZero() {
		return ""
	}
	return user.ID.String()
}

// formFor is the form of a password that a hash was made of. Ours are of the
// normal form; other systems hashed what was typed.
func formFor(hash, typed string) string {
	if !strings.HasPrefix(hash, "$argon2id$") {
		return typed
	}
	if normal, err := normalPassword(typed); err == nil {
		return normal
	}
	return typed
}
