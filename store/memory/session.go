package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// sessions is a session.Store.
type sessions struct {
	users  *users
	mu     sync.RWMutex
	byID   map[session.ID]session.Session
	byUser map[account.ID]map[session.ID]struct{}
}

func (s *sessions) Begin(ctx context.Context, new session.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	new.CreatedAt, new.ExpiresAt = micro(new.CreatedAt), micro(new.ExpiresAt)
	new.Register = keptRegister(new.Register)
	new.Tombstone.At = micro(new.Tombstone.At)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.byID[new.ID]; known {
		return session.ErrExists
	}
	s.byID[new.ID] = new
	if s.byUser[new.UserID] == nil {
		s.byUser[new.UserID] = map[session.ID]struct{}{}
	}
	s.byUser[new.UserID][new.ID] = struct{}{}
	return nil
}

func (s *sessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	if err := ctx.Err(); err != nil {
		return session.Session{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.byID[id]
	if !ok {
		return session.Session{}, session.ErrNotFound
	}
	return found, nil
}

func (s *sessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advance(id, from, next), nil
}

// advance is called with the lock held.
func (s *sessions) advance(id session.ID, from uint64, next session.Register) bool {
	found, ok := s.byID[id]
	if !ok || found.Revoked() || found.Generation != from || next.Generation < from {
		return false
	}
	found.Register = keptRegister(next)
	s.byID[id] = found
	return true
}

// Beside implements session.Stepper.
func (s *sessions) Beside(others session.Users) bool { return others == session.Users(s.users) }

// Step implements session.Stepper.
func (s *sessions) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byID[id]
	if !ok {
		return false, session.ErrNotFound
	}
	user, err := s.users.Find(ctx, found.UserID)
	if err != nil {
		return false, err
	}
	next, advance := rule(found, user)
	if !advance {
		return true, nil
	}
	return next.Generation > found.Generation && s.advance(id, found.Generation, next), nil
}

func (s *sessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoke(id, t), nil
}

func (s *sessions) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ended []session.ID
	for id := range s.byUser[user] {
		if id != except && s.revoke(id, t) {
			ended = append(ended, id)
		}
	}
	return ended, nil
}

// revoke is called with the lock held.
func (s *sessions) revoke(id session.ID, t session.Tombstone) bool {
	found, ok := s.byID[id]
	if !ok || found.Revoked() {
		return false
	}
	t.At = micro(t.At)
	found.Tombstone = t
	s.byID[id] = found
	return true
}

func (s *sessions) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var live []session.Session
	for id := range s.byUser[user] {
		if found := s.byID[id]; alive(found, now) {
			live = append(live, found)
		}
	}
	slices.SortFunc(live, newerSession)
	return live, nil
}

func (s *sessions) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at = micro(at)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var revoked []session.Revocation
	for id, found := range s.byID {
		if found.Revoked() && !found.Tombstone.At.Before(at) {
			revoked = append(revoked, session.Revocation{Session: id, At: found.Tombstone.At})
		}
	}
	return revoked, nil
}

func (s *sessions) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []session.Session
	for _, candidate := range s.byID {
		if (q.User.IsZero() || candidate.UserID == q.User) &&
			(q.Alive.IsZero() || alive(candidate, q.Alive)) &&
			(q.Before.IsZero() || candidate.CreatedAt.Before(micro(q.Before))) {
			found = append(found, candidate)
		}
	}
	slices.SortFunc(found, newerSession)
	return found[:min(len(found), page(q.Limit))], nil
}

func (s *sessions) Count(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, found := range s.byID {
		if alive(found, now) {
			n++
		}
	}
	return n, nil
}

func (s *sessions) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	before = micro(before)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id, found := range s.byID {
		if n >= limit {
			break
		}
		if !found.ExpiresAt.Before(before) {
			continue
		}
		delete(s.byID, id)
		delete(s.byUser[found.UserID], id)
		if len(s.byUser[found.UserID]) == 0 {
			delete(s.byUser, found.UserID)
		}
		n++
	}
	return n, nil
}

// keptRegister is the register with its times as they are kept.
func keptRegister(r session.Register) session.Register {
	r.RotatedAt, r.EmittedAt, r.IdleUntil = micro(r.RotatedAt), micro(r.EmittedAt), micro(r.IdleUntil)
	return r
}

func alive(s session.Session, now time.Time) bool {
	_, ended := s.EndedBy(micro(now))
	return !ended
}

// newerSession orders sessions by their birth, the newest first, and those of
// one microsecond by their ids, so that the order is the same each time.
func newerSession(a, b session.Session) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return newer(a.ID, b.ID)
}
