package audit

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/internal/uuid"
)

// Store keeps events. Implementations are safe for concurrent use.
type Store interface {
	// Record adds events durably, all or none. An event whose ID is present
	// already is left as it is.
	Record(ctx context.Context, events ...Event) error

	// Events returns the events that match, newest first.
	Events(ctx context.Context, q Query) ([]Event, error)

	// Forget removes at most limit events older than the given time, oldest
	// first, and reports how many.
	Forget(ctx context.Context, before time.Time, limit int) (int, error)
}

// Query selects events; a zero field does not restrict.
type Query struct {
	User    string
	Session string
	Type    Type
	Before  uuid.UUID // only events that sort before this one: the next page
	Since   time.Time // only events at this time or later
	Limit   int       // at most this many; zero means 50, more than 1000 means 1000
}
