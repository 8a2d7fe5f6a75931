package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/internal/throttle"
	"github.com/watchwordauth/watchword/internal/uuid"
)

// NewUser is what somebody chooses for a user to be.
type NewUser struct {
	Username string
	Email    string // "" only if an administrator creates the user
	Password string
	Roles    []string // none means RoleUser
}

// SignUp makes an account for a stranger, who gets RoleUser and may ask for
// nothing else.
//
// It fails with ErrSignupClosed; a *FieldError for what cannot be chosen; a
// *RoleError that is ErrUnknownRole or ErrRoleForbidden; ErrUsernameTaken or
// ErrEmailTaken; a *ThrottledError; or ErrBusy. Then there is no account.
func (s *Service) SignUp(ctx context.Context, n NewUser, from Origin) (User, error) {
	if !s.config.SignupOpen {
		return User{}, ErrSignupClosed
	}
	user, normal, err := s.draft(n)
	if err != nil {
		return User{}, err
	}
	if user.EmailKey == "" {
		_, err := EmailKey("")
		return User{}, err
	}
	for _, role := range user.Roles {
		if role != RoleUser {
			return User{}, &RoleError{role, fmt.Sprintf("The role %s is given by an administrator, not at sign-up.", role), ErrRoleForbidden}
		}
	}
	attempt, err := enter(ctx, s.guard.signup, throttle.AddressKey(from.IP))
	if err != nil {
		nobody := func(context.Context) (User, error) { return User{}, ErrNotFound }
		return User{}, s.throttled(ctx, err, nobody, from)
	}
	user, err = s.add(ctx, user, normal)
	if err == nil || errors.Is(err, ErrUsernameTaken) || errors.Is(err, ErrEmailTaken) {
		attempt.Leave(throttle.Failed) // spent: it made an account, or told of one
	} else {
		attempt.Leave(throttle.Passed)
	}
	if err != nil {
		return User{}, err
	}
	s.record(ctx, audit.Event{
		Type: audit.UserSignedUp, User: user.ID.String(), Actor: user.ID.String(), IP: from.IP, UserAgent: from.UserAgent,
	})
	return user, nil
}

// draft judges what was chosen. It returns the user as they would be, yet
// without an id and a hash, and the password in its normal form.
func (s *Service) draft(n NewUser) (User, string, error) {
	user := User{Username: n.Username, Email: n.Email, Roles: []string{RoleUser}}
	var err error
	if user.UsernameKey, err = UsernameKey(n.Username); err != nil {
		return User{}, "", err
	}
	if n.Email != "" {
		if user.EmailKey, err = EmailKey(n.Email); err != nil {
			return User{}, "", err
		}
	}
	if len(n.Roles) > 0 {
		if user.Roles, err = s.known(n.Roles); err != nil {
			return User{}, "", err
		}
	}
	normal, err := chosen(n.Password, user)
	if err != nil {
		return User{}, "", err
	}
	return user, normal, nil
}

// chosen judges a password that a user is to have, and returns its normal form.
func chosen(typed string, u User) (string, error) {
	if typed == "" {
		return "", &FieldError{"password", "required", "Please choose a password."}
	}
	normal, err := normalPassword(typed)
	if err != nil {
		return "", &FieldError{"password", "invalid_character", "The password has a character that cannot be typed the same way everywhere, such as a control character."}
	}
	local, _, _ := strings.Cut(u.EmailKey, "@")
	err = password.Judge(normal, u.Username, u.UsernameKey, u.Email, u.EmailKey, local)
	if weakness, ok := errors.AsType[*password.Weakness](err); ok {
		return "", &FieldError{"password", weakness.Code, weakness.Message}
	}
	return normal, err
}

// add gives a drafted user an id and a hash and keeps them.
func (s *Service) add(ctx context.Context, user User, normal string) (User, error) {
	if err := s.free(ctx, user); err != nil {
		return User{}, err // before the costly part
	}
	hash, err := s.config.Hasher.Hash(ctx, normal)
	if err != nil {
		return User{}, fmt.Errorf("hash the password: %w", err)
	}
	now := s.now()
	user.ID = uuid.New(now, s.config.Rand)
	user.PasswordHash = hash
	user.Epoch, user.CreatedAt = 1, now
	if err := s.config.Store.Add(ctx, user); err != nil {
		return User{}, fmt.Errorf("add the user: %w", err)
	}
	return user, nil
}

// free reports whether nobody has the user's names, or fails with
// ErrUsernameTaken or ErrEmailTaken. The store has the last word.
func (s *Service) free(ctx context.Context, user User) error {
	if _, err := s.config.Store.FindByUsername(ctx, user.UsernameKey); !errors.Is(err, ErrNotFound) {
		return takenOr(err, ErrUsernameTaken)
	}
	if user.EmailKey == "" {
		return nil
	}
	if _, err := s.config.Store.FindByEmail(ctx, user.EmailKey); !errors.Is(err, ErrNotFound) {
		return takenOr(err, ErrEmailTaken)
	}
	return nil
}

func takenOr(err, taken error) error {
	if err != nil {
		return fmt.Errorf("look the name up: %w", err)
	}
	return taken
}
