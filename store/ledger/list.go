package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
)

// ByUser implements session.Store. The durable store knows which there are, the fast
// one which of them are idle.
func (s *sessions) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	entries, err := s.durable.ByUser(ctx, user, now)
	if err != nil {
		return nil, err
	}
	return s.living(ctx, entries, now)
}

// List implements session.Store.
func (s *sessions) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	limit := page(q.Limit)
	q.Limit = max(limit, 200)
	var list []session.Session
	seen := map[session.ID]bool{}
	for {
		entries, err := s.durable.List(ctx, q)
		if err != nil {
			return nil, err
		}
		last := len(entries) < q.Limit
		fresh := entries[:0:0]
		for _, entry := range entries {
			if !seen[entry.ID] {
				seen[entry.ID] = true
				fresh = append(fresh, entry)
			}
		}
		if len(fresh) > limit-len(list) && q.Alive.IsZero() {
			fresh = fresh[:limit-len(list)] // no need to look at more
		}
		joined, err := s.living(ctx, fresh, q.Alive)
		if err != nil {
			return nil, err
		}
		list = append(list, joined...)
		if last || len(list) >= limit {
			return list[:min(len(list), limit)], nil
		}
		// Several may have begun in one microsecond: those are looked at again.
		q.Before = entries[len(entries)-1].CreatedAt
		if len(fresh) > 0 {
			q.Before = q.Before.Add(time.Microsecond)
		}
	}
}

// living joins entries with what the fast store knows of them, and leaves out those that
// have ended at the time (zero: none), and those whose register is lost for good.
func (s *sessions) living(ctx context.Context, entries []session.Session, at time.Time) ([]session.Session, error) {
	byID := make(map[session.ID]session.Session, len(entries))
	ids := make([]session.ID, 0, len(entries))
	for _, entry := range entries {
		byID[entry.ID] = entry
		ids = append(ids, entry.ID)
	}
	findings, err := batch.Each(ids, func(id session.ID) (finding, error) {
		if byID[id].Generation != elsewhere {
			return finding{Session: byID[id], known: true}, nil
		}
		found := find(ctx, s.fast, id)
		return found, found.err
	})
	if err != nil {
		return nil, err
	}
	list := make([]session.Session, 0, len(entries))
	for i, entry := range entries {
		one := born(entry)
		switch {
		case findings[i].known:
			one = join(entry, findings[i].Session)
		case !entry.Revoked() && rotated(entry):
			continue
		}
		if _, ended := one.EndedBy(at.Truncate(time.Microsecond)); at.IsZero() || !ended {
			list = append(list, one)
		}
	}
	return list, nil
}

// Count implements session.Store.
func (s *sessions) Count(ctx context.Context, now time.Time) (int, error) {
	return s.fast.Count(ctx, now)
}

// Forget implements session.Store.
func (s *sessions) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := s.durable.Forget(ctx, before, limit)
	m, failed := s.fast.Forget(ctx, before, limit)
	return max(n, m), errors.Join(err, failed)
}

// page is how many sessions a query with this limit may return.
func page(limit int) int {
	switch {
	case limit <= 0:
		return 50
	case limit > 1000:
		return 1000
	}
	return limit
}
