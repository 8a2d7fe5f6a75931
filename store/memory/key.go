package memory

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/signing"
)

// keys is a signing.Store. There are a handful, so they are a list.
type keys struct {
	mu      sync.Mutex
	records []signing.Record // in the order of their numbers
}

func (s *keys) Keys(ctx context.Context) ([]signing.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records := slices.Clone(s.records)
	for i := range records {
		records[i] = lentRecord(records[i])
	}
	return records, nil
}

func (s *keys) Add(ctx context.Context, r signing.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r = lentRecord(r)
	r.CreatedAt, r.ActiveAt = micro(r.CreatedAt), micro(r.ActiveAt)
	r.RetiredAt, r.RevokedAt = micro(r.RetiredAt), micro(r.RevokedAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.records, func(known signing.Record) bool { return known.Number == r.Number || known.ID == r.ID }) {
		return signing.ErrTaken
	}
	s.records = append(s.records, r)
	slices.SortFunc(s.records, func(a, b signing.Record) int { return cmp.Compare(a.Number, b.Number) })
	return nil
}

func (s *keys) Retire(ctx context.Context, id string, at time.Time) error {
	return s.stamp(ctx, id, at, func(r *signing.Record) *time.Time { return &r.RetiredAt })
}

func (s *keys) Revoke(ctx context.Context, id string, at time.Time) error {
	return s.stamp(ctx, id, at, func(r *signing.Record) *time.Time { return &r.RevokedAt })
}

// stamp sets a time that is set once.
func (s *keys) stamp(ctx context.Context, id string, at time.Time, field func(*signing.Record) *time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.records {
		if moment := field(&s.records[i]); s.records[i].ID == id && moment.IsZero() {
			*moment = micro(at)
		}
	}
	return nil
}

func (s *keys) Remove(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = slices.DeleteFunc(s.records, func(r signing.Record) bool { return r.ID == id })
	return nil
}

// lentRecord is a copy that shares nothing.
func lentRecord(r signing.Record) signing.Record {
	r.Public, r.Sealed = slices.Clone(r.Public), slices.Clone(r.Sealed)
	return r
}
