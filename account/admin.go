package account

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/watchwordauth/watchword/audit"
)

// Create makes a user for somebody else, with any roles that are known. It fails
// as SignUp does, but is not throttled and works while sign-up is closed.
func (s *Service) Create(ctx context.Context, n NewUser, by Actor) (User, error) {
	user, normal, err := s.draft(n)
	if err != nil {
		return User{}, err
	}
	if user, err = s.add(ctx, user, normal); err != nil {
		return User{}, err
	}
	s.recordAct(ctx, audit.UserCreated, user, by, map[string]string{"roles": strings.Join(user.Roles, " ")})
	return user, nil
}

// SetRoles gives a user these roles instead of the ones they have. Their access
// tokens become stale; their sessions go on. It fails with ErrNotFound, an
// ErrUnknownRole, ErrSelf if administrators would take the role from themselves,
// or ErrLastAdmin.
func (s *Service) SetRoles(ctx context.Context, id ID, roles []string, by Actor) (User, error) {
	roles, err := s.known(roles)
	if err != nil {
		return User{}, err
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	var had []string
	set := func(before User) (User, error) {
		had = before.Roles
		user, err := s.config.Store.SetRoles(ctx, id, roles, s.now())
		if err != nil {
			return User{}, fmt.Errorf("set the roles: %w", err)
		}
		s.announce(user)
		return user, nil
	}
	before, err := s.Find(ctx, id)
	if err != nil {
		return User{}, err
	}
	var user User
	switch {
	case slices.Contains(roles, RoleAdmin):
		user, err = set(before)
	case by.By == id.String() && before.Has(RoleAdmin):
		return User{}, ErrSelf
	default:
		user, err = s.takeAway(ctx, id, set, func(before User) (User, error) {
			return s.config.Store.SetRoles(ctx, id, before.Roles, s.now())
		})
	}
	if err != nil {
		return User{}, err
	}
	s.recordAct(ctx, audit.UserRolesChanged, user, by, map[string]string{
		"from": strings.Join(had, " "), "to": strings.Join(user.Roles, " "),
	})
	return user, nil
}

// Block keeps a user out: no sign-in, no refresh, and all sessions end. The
// reason is for administrators. Blocking who is blocked already ends what is
// left. It fails with ErrNotFound, with ErrSelf for administrators themselves, or
// with ErrLastAdmin. If ending the sessions failed the user is blocked all the same.
func (s *Service) Block(ctx context.Context, id ID, reason string, by Actor) (User, error) {
	if by.By == id.String() {
		return User{}, ErrSelf
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	reason = cut(reason, maxReason)
	user, err := s.takeAway(ctx, id, func(User) (User, error) {
		user, err := s.config.Store.SetBlock(ctx, id, Block{At: s.now(), Reason: reason, By: by.By})
		if err != nil {
			return User{}, fmt.Errorf("block the user: %w", err)
		}
		s.announce(user)
		return user, nil
	}, func(User) (User, error) { return s.config.Store.ClearBlock(ctx, id, s.now()) })
	if err != nil {
		return User{}, err
	}
	s.recordAct(ctx, audit.UserBlocked, user, by, map[string]string{"reason": reason})
	if _, err := s.config.Sessions.EndUser(ctx, id, "", ReasonBlocked, by.By); err != nil {
		return User{}, fmt.Errorf("the user is blocked, but ending the sessions failed: %w", err)
	}
	return user, nil
}

// maxReason is how many bytes of a block's reason are kept.
const maxReason = 256

// Unblock lets a user sign in again. It fails with ErrNotFound.
func (s *Service) Unblock(ctx context.Context, id ID, by Actor) (User, error) {
	ctx, cancel := settled(ctx)
	defer cancel()
	user, err := s.config.Store.ClearBlock(ctx, id, s.now())
	if err != nil {
		return User{}, fmt.Errorf("unblock the user: %w", err)
	}
	s.announce(user)
	s.recordAct(ctx, audit.UserUnblocked, user, by, nil)
	return user, nil
}

// SetPassword gives a user another password and ends all their sessions. It
// fails with ErrNotFound, a *FieldError for a password that cannot be, or
// ErrBusy. If ending the sessions failed the password has changed all the same.
func (s *Service) SetPassword(ctx context.Context, id ID, password string, by Actor) (User, error) {
	user, err := s.Find(ctx, id)
	if err != nil {
		return User{}, err
	}
	normal, err := chosen(password, user)
	if err != nil {
		return User{}, err
	}
	return s.replacePassword(ctx, id, normal, "", by)
}

// Find returns a user, or ErrNotFound.
func (s *Service) Find(ctx context.Context, id ID) (User, error) {
	user, err := s.config.Store.Find(ctx, id)
	if err != nil {
		return User{}, fmt.Errorf("find the user: %w", err)
	}
	return user, nil
}

// Lookup returns the user that a person means by an id, a username or an email
// address, or ErrNotFound.
func (s *Service) Lookup(ctx context.Context, who string) (User, error) {
	if id, err := ParseID(who); err == nil {
		return s.Find(ctx, id)
	}
	_, find := s.finder(who)
	user, err := find(ctx)
	if err != nil {
		return User{}, fmt.Errorf("find the user: %w", err)
	}
	return user, nil
}

// List returns the users that match, newest first. Search is as a person types it.
func (s *Service) List(ctx context.Context, q Query) ([]User, error) {
	q.Search = searchKey(q.Search)
	users, err := s.config.Store.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list the users: %w", err)
	}
	return users, nil
}

// Count says how many users there are, and how many of them are blocked.
func (s *Service) Count(ctx context.Context) (all, blocked int, err error) {
	if all, blocked, err = s.config.Store.Count(ctx); err != nil {
		return 0, 0, fmt.Errorf("count the users: %w", err)
	}
	return all, blocked, nil
}

// recordAct records what somebody did to a user.
func (s *Service) recordAct(ctx context.Context, t audit.Type, user User, by Actor, detail map[string]string) {
	s.record(ctx, audit.Event{
		Type: t, User: user.ID.String(), Actor: by.By, IP: by.From.IP, UserAgent: by.From.UserAgent, Detail: detail,
	})
}
