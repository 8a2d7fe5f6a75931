package recovery

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// Longest is how long a window may be open: for so long events are sure to be kept.
const Longest = 90 * 24 * time.Hour

// The details of an event audit.StoreRestored.
const (
	restoredTo = "restored_to"
	reopenedAt = "reopened_at"
	closesAt   = "closes_at"
)

// Known returns the time up to which a store knows what happened: that of the newest
// event, session or change of a user in it. A store without any is as old as time.
func Known(ctx context.Context, set store.Set) (time.Time, error) {
	events, err := set.Events.Events(ctx, audit.Query{Limit: 1})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the newest event: %w", err)
	}
	sessions, err := set.Sessions.List(ctx, session.Query{Limit: 1})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the newest session: %w", err)
	}
	users, err := set.Users.List(ctx, account.Query{Limit: 1})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the newest user: %w", err)
	}
	var known time.Time
	for _, e := range events {
		known = latest(known, e.At)
	}
	for _, s := range sessions {
		known = latest(known, s.CreatedAt)
	}
	for _, u := range users {
		known = latest(known, u.CreatedAt)
	}
	return known, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Window returns the window of the last restore, open or closed; the zero value if
// there was none. A server reads it when it starts.
func Window(ctx context.Context, events audit.Store) (session.Recovery, error) {
	list, err := events.Events(ctx, audit.Query{Type: audit.StoreRestored, Limit: 1})
	if err != nil {
		return session.Recovery{}, fmt.Errorf("read the recovery window: %w", err)
	}
	if len(list) == 0 {
		return session.Recovery{}, nil
	}
	var r session.Recovery
	for name, field := range map[string]*time.Time{restoredTo: &r.RestoredTo, reopenedAt: &r.ReopenedAt, closesAt: &r.ClosesAt} {
		if *field, err = time.Parse(time.RFC3339Nano, list[0].Detail[name]); err != nil {
			return session.Recovery{}, fmt.Errorf("read the recovery window: event %s: %s: %w", list[0].ID, name, err)
		}
	}
	return r, nil
}

// Open opens a window: from now on, for so long, sessions go on that were rotated
// between the time that the store was restored to and now. If the backup was
// itself made in a window that is open still, the new one reaches back as far as it.
//
// A window that is closed at once (0) lets nobody in, but tells followers of the
// revocations that the store is another than it was.
func Open(ctx context.Context, set store.Set, restored, now time.Time, length time.Duration) (session.Recovery, error) {
	earlier, err := Window(ctx, set.Events)
	if err != nil {
		return session.Recovery{}, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	r := session.Recovery{RestoredTo: restored.UTC().Truncate(time.Microsecond), ReopenedAt: now, ClosesAt: now.Add(min(length, Longest))}
	if earlier.ClosesAt.After(now) && earlier.RestoredTo.Before(r.RestoredTo) && length > 0 {
		r.RestoredTo = earlier.RestoredTo
	}
	err = set.Events.Record(ctx, audit.Event{
		ID: uuid.New(now, rand.Reader), At: now, Type: audit.StoreRestored, Actor: actor,
		Detail: map[string]string{
			restoredTo: r.RestoredTo.Format(time.RFC3339Nano),
			reopenedAt: r.ReopenedAt.Format(time.RFC3339Nano),
			closesAt:   r.ClosesAt.Format(time.RFC3339Nano),
		},
	})
	if err != nil {
		return session.Recovery{}, fmt.Errorf("open the recovery window: %w", err)
	}
	return r, nil
}

// actor is who restores, in events and tombstones.
const actor = account.ByCLI
