package session

import (
	"context"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

// ByUser returns the user's live sessions, newest first.
func (s *Service) ByUser(ctx context.Context, user account.ID) ([]Session, error) {
	sessions, err := s.Store.ByUser(ctx, user, s.now())
	if err != nil {
		return nil, fmt.Errorf("list the user's sessions: %w", err)
	}
	return sessions, nil
}

// List returns the sessions that match, newest first, for administrators.
func (s *Service) List(ctx context.Context, q Query) ([]Session, error) {
	sessions, err := s.Store.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return sessions, nil
}

// Story is a session's life as far as it is known: what it is, and what was out
// of the ordinary, oldest event first.
type Story struct {
	Session Session
	Ended   Reason // "" while it lives
	Events  []audit.Event
}

// Explain tells a session's story, or fails with ErrNotFound.
func (s *Service) Explain(ctx context.Context, id ID) (Story, error) {
	session, err := s.Store.Find(ctx, id)
	if err != nil {
		return Story{}, fmt.Errorf("find the session: %w", err)
	}
	events, err := s.Events.Events(ctx, audit.Query{Session: id.String(), Limit: 1000})
	if err != nil {
		return Story{}, fmt.Errorf("read the session's events: %w", err)
	}
	story := Story{Session: session, Events: make([]audit.Event, 0, len(events))}
	story.Ended, _ = session.EndedBy(s.now())
	for i := range events {
		story.Events = append(story.Events, events[len(events)-1-i])
	}
	return story, nil
}

// Forget removes sessions that expired, in small batches, and reports how many.
// A revoked session is kept until it would have expired, so that its tokens stay
// recognisable; a day more allows for clocks that differ.
func (s *Service) Forget(ctx context.Context) (int, error) {
	const (
		batch = 500
		grace = 24 * time.Hour
	)
	total := 0
	for {
		n, err := s.Store.Forget(ctx, s.now().Add(-grace), batch)
		if err != nil {
			return total, fmt.Errorf("forget expired sessions: %w", err)
		}
		total += n
		if n < batch {
			return total, nil
		}
	}
}
