package password

import (
	"context"
	"sync"
	"time"
)

// pace draws refusals out to one length while hashes of different costs are
// about, so that the time of a refusal does not tell whether there is a user and
// which system they came from. As long as all hashes are of one kind it adds
// nothing. The zero value is ready.
type pace struct {
	mu      sync.Mutex
	since   time.Time     // when the present window began
	present time.Duration // the longest in the present window
	past    time.Duration // the longest in the one before
}

const (
	paceWindow  = time.Hour
	longestPace = 3 * time.Second // more is a busy machine, not a costly hash
)

// note takes in how long an unusual hash took.
func (p *pace) note(began, ended time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(ended)
	p.present = max(p.present, min(ended.Sub(began), longestPace))
}

// keep waits until a refusal that began then may be told.
func (p *pace) keep(ctx context.Context, began time.Time) {
	now := time.Now()
	p.mu.Lock()
	p.turn(now)
	rest := began.Add(max(p.present, p.past)).Sub(now)
	p.mu.Unlock()
	if rest <= 0 {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// turn begins a new window if it is time. It is called with the lock held.
func (p *pace) turn(now time.Time) {
	switch age := now.Sub(p.since); {
	case age >= 2*paceWindow:
		p.since, p.present, p.past = now, 0, 0
	case age >= paceWindow:
		p.since, p.present, p.past = now, 0, p.present
	}
}
