package account

import (
	"context"
	"fmt"
)

// takeAway makes a change that may cost a user the power of an administrator,
// and sees to it that somebody keeps that power. Otherwise it fails with
// ErrLastAdmin, and nothing has changed.
//
//	one at a time on this node
//	   │
//	somebody else can administer ───── no ──► ErrLastAdmin
//	   │
//	the change
//	   │
//	somebody still can ─────────────── no ──► undo, ErrLastAdmin
//
// The second look is for another node that takes away the other one at the same
// moment: each change is in the store before its second look, so that the later
// of two looks sees both. It may be that both are undone, never that both stay.
func (s *Service) takeAway(ctx context.Context, id ID, change func(before User) (User, error), undo func(before User) (User, error)) (User, error) {
	select {
	case s.taking <- struct{}{}:
		defer func() { <-s.taking }()
	case <-ctx.Done():
		return User{}, ctx.Err()
	}
	before, err := s.Find(ctx, id)
	if err != nil {
		return User{}, err
	}
	if administers(before) {
		if err := s.anotherThan(ctx, before.ID); err != nil {
			return User{}, err
		}
	}
	after, err := change(before)
	madeMeanwhile := !before.Has(RoleAdmin) && after.Has(RoleAdmin)
	if err != nil || !administers(before) && !madeMeanwhile {
		return after, err
	}
	refused := s.anotherThan(ctx, ID{})
	if refused == nil {
		return after, nil
	}
	restored, err := undo(before)
	if err != nil {
		return User{}, fmt.Errorf("restore the last administrator: %w", err)
	}
	s.announce(restored)
	return User{}, refused
}

// administers reports whether a user has an administrator's power.
func administers(u User) bool { return u.Has(RoleAdmin) && !u.Blocked() }

// anotherThan fails with ErrLastAdmin unless somebody else than a user can administer.
func (s *Service) anotherThan(ctx context.Context, id ID) error {
	admins, err := s.config.Store.List(ctx, Query{Role: RoleAdmin, Blocked: new(false), Limit: 2})
	if err != nil {
		return fmt.Errorf("look for another administrator: %w", err)
	}
	for _, u := range admins {
		if u.ID != id {
			return nil
		}
	}
	return ErrLastAdmin
}
