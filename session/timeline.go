package session

import (
	"context"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
)

// record writes an event of a session. What it tells has happened already, so a
// store that fails here costs the story, not the act.
func (s *Service) record(ctx context.Context, e audit.Event) {
	ctx, cancel := settled(ctx)
	defer cancel()
	e.At = s.timeline.tick(s.now())
	e.ID = uuid.New(e.At, s.Rand)
	if err := s.Events.Record(ctx, e); err != nil {
		s.Logger.ErrorContext(ctx, "event not recorded", "type", e.Type, "session", e.Session, "error", err)
	}
}

// timeline bounds how often one session's story repeats itself, so that a client
// gone wild writes no event at each of its requests. The zero value is ready.
type timeline struct {
	mu   sync.Mutex
	told map[tale]time.Time
	last time.Time
}

// tick is the time of the next event: now, or just after the last one, so that
// what happened in order is told in order.
func (t *timeline) tick(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !now.After(t.last) && t.last.Sub(now) < time.Second {
		now = t.last.Add(time.Microsecond)
	}
	t.last = now
	return now
}

type tale struct {
	session ID
	kind    audit.Type
}

const (
	tellAgainAfter = 10 * time.Second
	talesKept      = 4096
)

// admit reports whether an event of this kind should be written for the session now.
func (t *timeline) admit(id ID, kind audit.Type, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	this := tale{id, kind}
	if last, ok := t.told[this]; ok && now.Sub(last) < tellAgainAfter {
		return false
	}
	if t.told == nil || len(t.told) >= talesKept {
		t.told = make(map[tale]time.Time)
	}
	t.told[this] = now
	return true
}
