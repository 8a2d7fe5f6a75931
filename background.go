package watchword

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
)

// How often what is old is forgotten, and for how long events are kept.
const (
	forgetEvery = time.Hour
	eventsKept  = 180 * 24 * time.Hour
	forgetBatch = 500
)

// start begins the work in the background.
func (s *Server) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.work.Go(func() { s.revocations.Follow(ctx) })
	if s.config.Journal != nil {
		s.work.Go(func() { s.config.Journal.Follow(ctx, s.beneath) })
	}
	s.work.Go(func() { s.every(ctx, signing.ReloadEvery, "read the signing keys", soon(s.keys.Reload)) })
	s.work.Go(func() { s.every(ctx, signing.MaintainEvery, "maintain the signing keys", soon(s.keys.Maintain)) })
	s.work.Go(func() { s.every(ctx, forgetEvery, "forget what is old", s.forget) })
	if s.config.Tracer != nil {
		s.work.Go(func() { s.config.Tracer.Run(ctx) })
	}
	s.work.Go(func() { s.every(ctx, metric.Interval, "sample the metrics", s.sample) })
	s.work.Go(func() { s.every(ctx, metric.Interval, "count users and sessions", s.count) })
}

// Drain ends the streams of revocations, whose followers connect again, and lets
// everything else go on. Register it with http.Server.RegisterOnShutdown, or
// Shutdown waits for them.
func (s *Server) Drain() { s.drain.Do(func() { close(s.closing) }) }

// Close ends the work in the background and waits for it. The stores stay open:
// they are the caller's.
func (s *Server) Close() error {
	s.Drain()
	s.stop()
	s.work.Wait()
	return nil
}

// every does something again and again until the context ends. A failure is
// logged: the next time may succeed.
func (s *Server) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.config.Logger.Error("work in the background failed", "what", what, "error", err)
		}
	}
}

// soon bounds what is short: a connection to a machine that is gone says nothing for
// minutes, while the next one would answer at once.
func soon(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		return do(ctx)
	}
}

// forget removes sessions that expired and events that are old.
func (s *Server) forget(ctx context.Context) error {
	_, failed := s.sessions.Forget(ctx)
	before := s.config.Now().Add(-eventsKept)
	for {
		n, err := s.config.Store.Events.Forget(ctx, before, forgetBatch)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("forget old events: %w", err))
		}
		if n < forgetBatch {
			return failed
		}
	}
}

// revocationsWithin is how old the news of other nodes may be for this one to be ready.
const revocationsWithin = 5 * time.Second

// checks are what a server needs to be of use.
func (s *Server) checks() []httpapi.Check {
	checks := []httpapi.Check{
		{Name: "users", Fail: func(ctx context.Context) error {
			_, err := s.config.Store.Users.Find(ctx, account.ID{})
			return unless(account.ErrNotFound, err)
		}},
		{Name: "sessions", Fail: func(ctx context.Context) error {
			_, err := s.config.Store.Sessions.Find(ctx, session.ID{})
			return unless(session.ErrNotFound, err)
		}},
		{Name: "keys", Fail: func(context.Context) error {
			for _, k := range s.keys.List() {
				if k.State == signing.Current {
					return nil
				}
			}
			return signing.ErrNoKey
		}},
		{Name: "revocations", Fail: func(context.Context) error {
			if age := s.config.Now().Sub(s.revocations.AsOf()); age > revocationsWithin {
				return fmt.Errorf("the last news are %s old", age.Round(time.Second))
			}
			return nil
		}},
	}
	if len(s.writables) > 0 {
		checks = append(checks, httpapi.Check{Name: "writing", Fail: writing(s.writables, s.config.Now)})
	}
	if s.config.Journal != nil {
		checks = append(checks, httpapi.Check{Name: "journal", Fail: func(context.Context) error { return s.config.Journal.Check() }})
	}
	return checks
}

// unless is the error that is not the expected one.
func unless(expected, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// ender ends sessions for package account, which does not know of them.
type ender struct{ sessions *session.Service }

// EndUser implements account.Sessions.
func (e ender) EndUser(ctx context.Context, user account.ID, except, reason, by string) (int, error) {
	var spared session.ID
	if except != "" {
		id, err := session.ParseID(except)
		if err != nil {
			return 0, err
		}
		spared = id
	}
	return e.sessions.EndUser(ctx, user, spared, session.Reason(reason), by)
}
