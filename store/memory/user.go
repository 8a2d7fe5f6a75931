package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// users is an account.Store.
type users struct {
	mu         sync.RWMutex
	byID       map[account.ID]account.User
	byUsername map[string]account.ID
	byEmail    map[string]account.ID // without the users that have no address
}

func (s *users) Add(ctx context.Context, u account.User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u = keptUser(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.byUsername[u.UsernameKey]; taken {
		return account.ErrUsernameTaken
	}
	if _, taken := s.byEmail[u.EmailKey]; taken {
		return account.ErrEmailTaken
	}
	if _, known := s.byID[u.ID]; known {
		return fmt.Errorf("add user %s: the id is in use", u.ID)
	}
	s.byID[u.ID] = u
	s.byUsername[u.UsernameKey] = u.ID
	if u.EmailKey != "" {
		s.byEmail[u.EmailKey] = u.ID
	}
	return nil
}

func (s *users) Find(ctx context.Context, id account.ID) (account.User, error) {
	if err := ctx.Err(); err != nil {
		return account.User{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, ok := s.byID[id]
	if !ok {
		return account.User{}, account.ErrNotFound
	}
	return lentUser(u), nil
}

func (s *users) FindByUsername(ctx context.Context, key string) (account.User, error) {
	return s.findBy(ctx, s.byUsername, key)
}

func (s *users) FindByEmail(ctx context.Context, key string) (account.User, error) {
	return s.findBy(ctx, s.byEmail, key)
}

func (s *users) findBy(ctx context.Context, index map[string]account.ID, key string) (account.User, error) {
	if err := ctx.Err(); err != nil {
		return account.User{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	id, ok := index[key]
	if !ok {
		return account.User{}, account.ErrNotFound
	}
	return lentUser(s.byID[id]), nil
}

func (s *users) List(ctx context.Context, q account.Query) ([]account.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []account.User
	for _, u := range s.byID {
		named := strings.HasPrefix(u.UsernameKey, q.Search) || strings.HasPrefix(u.EmailKey, q.Search)
		older := q.Before.IsZero() || newer(q.Before, u.ID) < 0
		if named && older && (q.Role == "" || u.Has(q.Role)) && (q.Blocked == nil || *q.Blocked == u.Blocked()) {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b account.User) int { return newer(a.ID, b.ID) })
	found = found[:min(len(found), page(q.Limit))]
	for i := range found {
		found[i] = lentUser(found[i])
	}
	return found, nil
}

func (s *users) Count(ctx context.Context) (all, blocked int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, u := range s.byID {
		if u.Blocked() {
			blocked++
		}
	}
	return len(s.byID), blocked, nil
}

func (s *users) ReplaceHash(ctx context.Context, id account.ID, old, new string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.byID[id]
	if !ok || u.PasswordHash != old {
		return false, nil
	}
	u.PasswordHash = new
	s.byID[id] = u
	return true, nil
}

func (s *users) SetPassword(ctx context.Context, id account.ID, hash string, at time.Time) (account.User, error) {
	return s.change(ctx, id, at, func(u *account.User) { u.PasswordHash = hash })
}

func (s *users) SetPasswordIf(ctx context.Context, id account.ID, epoch uint64, hash string, at time.Time) (account.User, bool, error) {
	did := false
	u, err := s.changeIf(ctx, id, at, func(u *account.User) bool {
		if did = u.Epoch == epoch; did {
			u.PasswordHash = hash
		}
		return did
	})
	if errors.Is(err, account.ErrNotFound) || err == nil && !did {
		return account.User{}, false, nil
	}
	return u, did, err
}

func (s *users) SetRoles(ctx context.Context, id account.ID, roles []string, at time.Time) (account.User, error) {
	return s.change(ctx, id, at, func(u *account.User) { u.Roles = roles })
}

func (s *users) SetBlock(ctx context.Context, id account.ID, block account.Block) (account.User, error) {
	return s.change(ctx, id, block.At, func(u *account.User) { u.Block = block })
}

func (s *users) ClearBlock(ctx context.Context, id account.ID, at time.Time) (account.User, error) {
	return s.change(ctx, id, at, func(u *account.User) { u.Block = account.Block{} })
}

// change applies one change that makes older access tokens stale.
func (s *users) change(ctx context.Context, id account.ID, at time.Time, apply func(*account.User)) (account.User, error) {
	return s.changeIf(ctx, id, at, func(u *account.User) bool { apply(u); return true })
}

// changeIf does so unless apply says that there is nothing to do.
func (s *users) changeIf(ctx context.Context, id account.ID, at time.Time, apply func(*account.User) bool) (account.User, error) {
	if err := ctx.Err(); err != nil {
		return account.User{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.byID[id]
	if !ok {
		return account.User{}, account.ErrNotFound
	}
	if !apply(&u) {
		return account.User{}, nil
	}
	u.Epoch++
	u.EpochAt = at
	u = keptUser(u)
	s.byID[id] = u
	return lentUser(u), nil
}

func (s *users) EpochsSince(ctx context.Context, at time.Time) ([]account.EpochChange, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at = micro(at)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var changes []account.EpochChange
	for _, u := range s.byID {
		if !u.EpochAt.Before(at) {
			changes = append(changes, account.EpochChange{User: u.ID, Epoch: u.Epoch, At: u.EpochAt})
		}
	}
	return changes, nil
}

// keptUser is the user as kept, sharing nothing with the caller's.
func keptUser(u account.User) account.User {
	u = lentUser(u)
	u.Block.At, u.EpochAt, u.CreatedAt = micro(u.Block.At), micro(u.EpochAt), micro(u.CreatedAt)
	return u
}

// lentUser is a copy for the caller to do with what they like.
func lentUser(u account.User) account.User {
	u.Roles = slices.Clone(u.Roles)
	return u
}
