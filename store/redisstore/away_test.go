package redisstore_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/redisstore"
)

// verbs are all verbs of a store, about one session.
func verbs(ctx context.Context, s *redisstore.Store, one session.Session) map[string]func() error {
	return map[string]func() error{
		"Begin":  func() error { return s.Begin(ctx, birth(one.UserID)) },
		"Find":   func() error { _, err := s.Find(ctx, one.ID); return err },
		"Revoke": func() error { _, err := s.Revoke(ctx, session.ID{1}, session.Tombstone{At: one.CreatedAt}); return err },
		"Advance": func() error {
			_, err := s.Advance(ctx, one.ID, 1, one.Register)
			return err
		},
		"RevokeUser": func() error {
			_, err := s.RevokeUser(ctx, account.ID{9}, session.ID{}, session.Tombstone{At: one.CreatedAt})
			return err
		},
		"ByUser":       func() error { _, err := s.ByUser(ctx, one.UserID, one.CreatedAt); return err },
		"List":         func() error { _, err := s.List(ctx, session.Query{}); return err },
		"Count":        func() error { _, err := s.Count(ctx, one.CreatedAt); return err },
		"Forget":       func() error { _, err := s.Forget(ctx, one.CreatedAt, 1); return err },
		"RevokedSince": func() error { _, err := s.RevokedSince(ctx, one.CreatedAt); return err },
		"Writable":     func() error { return s.Writable(ctx) },
	}
}

func TestAServerMayGoAwayAndComeBack(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := connect(t, m.Address()+"?timeout=2s")
	one := birth(account.ID{1})
	if err := s.Begin(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	m.Kill()
	for verb, call := range verbs(t.Context(), s, one) {
		began := time.Now()
		if err := call(); !errors.Is(err, redisstore.ErrUnavailable) || !strings.Contains(err.Error(), m.Port) {
			t.Errorf("while it is away %s = %v, want %v, and where", verb, err, redisstore.ErrUnavailable)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("while it is away %s takes %v", verb, took)
		}
	}
	m.Start(t)
	for verb, call := range verbs(t.Context(), s, one) {
		if err := call(); err != nil {
			t.Errorf("when it is back %s = %v", verb, err)
		}
	}
}

// A server that hears and does not answer is worse than none.
func TestAServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t)
	s := connect(t, m.Address()+"?timeout=1s")
	one := birth(account.ID{1})
	if err := s.Begin(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if answer := m.Ask("CLIENT", "PAUSE", "60000", "ALL"); answer != "OK" {
		t.Fatal(answer)
	}
	for verb, call := range verbs(t.Context(), s, one) {
		began := time.Now()
		if err := call(); !errors.Is(err, redisstore.ErrUnavailable) {
			t.Errorf("while it hangs %s = %v, want %v", verb, err, redisstore.ErrUnavailable)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("while it hangs %s takes %v", verb, took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if err := verbs(ctx, s, one)[verb](); !errors.Is(err, context.Canceled) {
			t.Errorf("while it hangs, for a caller who leaves, %s = %v, want %v", verb, err, context.Canceled)
		}
	}
}

func TestWhatKeepsRedisFromServingIsSaid(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		settings []string
		after    []string // a command, once it runs
		want     string
	}{
		"a full memory":      {[]string{"--maxmemory", "100mb"}, []string{"CONFIG", "SET", "maxmemory", "1"}, "raise maxmemory"},
		"a replica":          {nil, []string{"REPLICAOF", "127.0.0.1", "1"}, "name the primary"},
		"too few replicas":   {nil, []string{"CONFIG", "SET", "min-replicas-to-write", "1"}, "min-replicas-to-write"},
		"a user who may not": {nil, []string{"ACL", "SETUSER", "default", "-eval", "-evalsha", "-set"}, "allow it the commands"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := servertest.StartRedis(t, row.settings...)
			s := connect(t, m.Address())
			if answer := m.Ask(row.after...); answer != "OK" {
				t.Fatal(answer)
			}
			err := s.Begin(t.Context(), birth(account.ID{1}))
			if !errors.Is(err, redisstore.ErrUnavailable) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Begin = %v, want %v, and: %s", err, redisstore.ErrUnavailable, row.want)
			}
			if err := s.Writable(t.Context()); !errors.Is(err, redisstore.ErrUnavailable) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Writable = %v, want %v, and: %s", err, redisstore.ErrUnavailable, row.want)
			}
		})
	}
}

// Not beside other tests: it counts what runs.
func TestCallersWhoLeftLeaveNothingBehind(t *testing.T) {
	m := servertest.StartRedis(t)
	before := runtime.NumGoroutine()
	s, err := redisstore.Open(t.Context(), m.Address()+"?timeout=5s", redisstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if answer := m.Ask("CLIENT", "PAUSE", "60000", "ALL"); answer != "OK" {
		t.Fatal(answer)
	}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if _, err := s.Find(ctx, session.ID{1}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Find = %v", err)
			}
		})
	}
	group.Wait()
	m.Kill()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "all that was begun has ended", func() bool { return runtime.NumGoroutine() <= before })
}
