package metric

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Census counts users and sessions. In a large database that is work, so it is
// done for one caller at a time, and who asks meanwhile, or soon after, is told what
// the last one was told: counting takes a fiftieth of the time at most.
type Census struct {
	users interface {
		Count(context.Context) (all, blocked int, err error)
	}
	sessions interface {
		Count(ctx context.Context, now time.Time) (int, error)
	}
	now  func() time.Time
	turn chan struct{} // held by who counts
	last atomic.Pointer[counted]
}

// Count is how many there are.
type Count struct {
	Users, Blocked int
	Sessions       int // alive
}

type counted struct {
	Count
	until time.Time // of the real clock
}

// What counting may cost. What takes less than cheap is done for everybody who asks.
const (
	cheap     = 20 * time.Millisecond
	restRatio = 50
	longRest  = time.Hour
)

// NewCensus makes a Census of the stores that n watches.
func (n *Node) NewCensus(now func() time.Time) *Census {
	return &Census{users: n.stores.users, sessions: n.stores.sessions, now: now, turn: make(chan struct{}, 1)}
}

// Take counts, or remembers. It waits for somebody else's count only if there was
// none before.
func (c *Census) Take(ctx context.Context) (Count, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	default:
		if last := c.last.Load(); last != nil {
			return last.Count, nil
		}
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
			return Count{}, ctx.Err()
		}
	}
	began := time.Now()
	if last := c.last.Load(); last != nil && began.Before(last.until) {
		return last.Count, nil
	}
	var made counted
	var err error
	if made.Users, made.Blocked, err = c.users.Count(ctx); err != nil {
		return Count{}, fmt.Errorf("count the users: %w", err)
	}
	if made.Sessions, err = c.sessions.Count(ctx, c.now().UTC()); err != nil {
		return Count{}, fmt.Errorf("count the sessions: %w", err)
	}
	if took := time.Since(began); took > cheap {
		made.until = began.Add(min(restRatio*took, longRest))
	}
	c.last.Store(&made)
	return made.Count, nil
}

// Last is what was counted last; zero if nothing was yet.
func (c *Census) Last() Count {
	if last := c.last.Load(); last != nil {
		return last.Count
	}
	return Count{}
}
