package mongostore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
)

// presence is whether a server that takes writes is there, as the driver's monitors
// see it: they ask each server all the time how it is. Nobody waits for one that has
// not been heard of for longer than patience:
//
//	heard of ───── lost ────────────── patience ends ──────── found ─────
//	it is asked    who asks waits:     who asks is told,      it is asked
//	               another may         and so is who
//	               be elected          waits since before
//
// The driver by itself has each who asks wait for as long as the first, and who has
// asked a server that then fell silent for as long as their context lasts.
type presence struct {
	patience time.Duration // 0: for ever

	mu      sync.Mutex
	there   bool
	closed  bool
	heard   time.Time       // when such a server was heard of last
	failure string          // what the last question how a server is came to, if that was nothing
	timer   *time.Timer     // ends patience, while none is there
	hope    context.Context // ends with patience
	despair context.CancelCauseFunc
}

// awayError is that patience has ended.
type awayError struct{ failure string }

// Error implements error.
func (e awayError) Error() string {
	if e.failure == "" {
		return "no server is there that takes writes"
	}
	return "no server is there that takes writes: " + e.failure
}

// newPresence begins as if a server had just been heard of.
func newPresence(patience time.Duration) *presence {
	p := &presence{patience: patience, there: true, heard: time.Now()}
	p.hope, p.despair = context.WithCancelCause(context.Background())
	p.see(false)
	return p
}

// monitor has the driver tell what it sees.
func (p *presence) monitor() *event.ServerMonitor {
	return &event.ServerMonitor{
		TopologyDescriptionChanged: func(e *event.TopologyDescriptionChangedEvent) { p.see(usable(e.NewDescription)) },
		ServerHeartbeatSucceeded: func(e *event.ServerHeartbeatSucceededEvent) {
			if slices.Contains(writable, e.Reply.Kind) {
				p.hear()
			}
		},
		ServerHeartbeatFailed: func(e *event.ServerHeartbeatFailedEvent) {
			if !errors.Is(e.Failure, context.Canceled) { // the driver did that
				host, _, _ := strings.Cut(e.ConnectionID, "[")
				p.fail(host + ": " + e.Failure.Error())
			}
		},
	}
}

// writable are the kinds of servers that take writes, in the driver's words.
var writable = []string{"Standalone", "RSPrimary", "Mongos", "LoadBalancer"}

// usable reports whether the driver would choose one of these servers. One that is
// named as the only one it asks whatever that is; one that is too old or too new it
// refuses at once.
func usable(d event.TopologyDescription) bool {
	return d.CompatibilityErr != nil || slices.ContainsFunc(d.Servers, func(s event.ServerDescription) bool {
		return slices.Contains(writable, s.Kind) || d.Kind == "Single" && s.Kind != "Unknown"
	})
}

// see notes whether a server is there.
func (p *presence) see(there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if there == p.there || p.closed {
		return
	}
	p.there = there
	switch {
	case !there && p.patience > 0:
		p.timer = time.AfterFunc(time.Until(p.heard.Add(p.patience)), p.giveUp)
	case there:
		p.heard, p.failure = time.Now(), ""
		if p.timer != nil {
			p.timer.Stop()
		}
		if p.hope.Err() != nil {
			p.hope, p.despair = context.WithCancelCause(context.Background())
		}
	}
}

// hear notes that the server that is there was heard of.
func (p *presence) hear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.there {
		p.heard = time.Now()
	}
}

// fail notes why a server did not say how it is.
func (p *presence) fail(failure string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = failure
}

// giveUp ends patience, unless a server was found at the last moment.
func (p *presence) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.there && !p.closed && time.Since(p.heard) >= p.patience {
		p.despair(awayError{p.failure})
	}
}

// close ends watching. What is asked afterwards is not held up.
func (p *presence) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// ask asks a server something. What it asks is given a context that ends when
// patience does.
func ask[T any](ctx context.Context, p *presence, do func(context.Context) (T, error)) (T, error) {
	var none T
	p.mu.Lock()
	hope := p.hope
	p.mu.Unlock()
	if hope.Err() != nil {
		return none, context.Cause(hope)
	}
	asking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(hope, func() { stop(context.Cause(hope)) })()
	answer, err := do(asking)
	if err == nil {
		return answer, nil
	}
	if away, ok := errors.AsType[awayError](context.Cause(asking)); ok {
		return none, away
	}
	return none, err
}
