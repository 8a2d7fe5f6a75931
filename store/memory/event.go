package memory

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
)

// events is an audit.Store.
type events struct {
	mu   sync.RWMutex
	kept []audit.Event // in the order of their ids: the oldest first
}

func (s *events) Record(ctx context.Context, new ...audit.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range new {
		at, known := s.position(e.ID)
		if known {
			continue
		}
		e.At = micro(e.At)
		s.kept = slices.Insert(s.kept, at, lentEvent(e))
	}
	return nil
}

func (s *events) Events(ctx context.Context, q audit.Query) ([]audit.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	candidates, limit := s.kept, page(q.Limit)
	if !q.Before.IsZero() {
		end, _ := s.position(q.Before)
		candidates = candidates[:end]
	}
	var found []audit.Event
	for _, e := range slices.Backward(candidates) {
		if len(found) == limit {
			break
		}
		if (q.User == "" || e.User == q.User) &&
			(q.Session == "" || e.Session == q.Session) &&
			(q.Type == "" || e.Type == q.Type) &&
			(q.Since.IsZero() || !e.At.Before(micro(q.Since))) {
			found = append(found, lentEvent(e))
		}
	}
	return found, nil
}

func (s *events) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	before = micro(before)
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []audit.Event
	for _, e := range s.kept {
		if e.At.Before(before) {
			old = append(old, e)
		}
	}
	slices.SortStableFunc(old, func(a, b audit.Event) int { return a.At.Compare(b.At) })
	old = old[:min(len(old), max(limit, 0))]
	gone := make(map[uuid.UUID]struct{}, len(old))
	for _, e := range old {
		gone[e.ID] = struct{}{}
	}
	s.kept = slices.DeleteFunc(s.kept, func(e audit.Event) bool { _, is := gone[e.ID]; return is })
	return len(old), nil
}

// position is where an event with this id is, or belongs. It is called with the lock held.
func (s *events) position(id uuid.UUID) (int, bool) {
	return slices.BinarySearchFunc(s.kept, id, func(e audit.Event, id uuid.UUID) int { return bytes.Compare(e.ID[:], id[:]) })
}

// lentEvent is a copy that shares nothing.
func lentEvent(e audit.Event) audit.Event {
	e.Detail = maps.Clone(e.Detail)
	return e
}
