package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/redisstore"
)

// mortal is a Redis that a test stops, kills and starts again.
type mortal struct {
	port     string
	folder   string
	settings []string
	cmd      *exec.Cmd
}

// freePort is a port that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// launch starts a Redis of the test's own. Without the program the test is skipped, unless
// WATCHWORD_TEST_REQUIRE names redis.
func launch(t testing.TB, settings ...string) *mortal {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), "redis") {
			t.Fatalf("redis is required: %v", err)
		}
		t.Skipf("SKIPPED: Redis is not tested: %v", err)
	}
	m := &mortal{port: freePort(t), folder: t.TempDir(), settings: settings}
	t.Cleanup(m.kill)
	m.start(t)
	return m
}

// start starts it, and waits until it has read its data.
func (m *mortal) start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(m.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command("redis-server", append([]string{"--port", m.port, "--bind", "127.0.0.1", "--dir", m.folder, "--save", ""}, m.settings...)...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if answer := m.ask("PING"); answer != "" && !strings.HasPrefix(answer, "LOADING") {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	content, _ := os.ReadFile(filepath.Join(m.folder, "log"))
	t.Fatalf("Redis did not start:\n%s", content)
}

// ask sends one command and returns the first line of the answer, "" if there is none.
func (m *mortal) ask(words ...string) string {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+m.port, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // a connection has deadlines
	fmt.Fprintf(conn, "%s\r\n", strings.Join(words, " "))
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(buffer[:n]), "\r\n")
	return strings.TrimLeft(line, "+-:$")
}

// kill ends the process at once: it can do nothing more.
func (m *mortal) kill() {
	if m.cmd == nil || m.cmd.Process == nil {
		return // it never started
	}
	_ = m.cmd.Process.Kill() // fails if it has ended
	_ = m.cmd.Wait()
}

func (m *mortal) address() string { return "redis://127.0.0.1:" + m.port }

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
	m := launch(t, "--appendonly", "yes", "--appendfsync", "always")
	s := connect(t, m.address()+"?timeout=2s")
	one := birth(account.ID{1})
	if err := s.Begin(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	m.kill()
	for verb, call := range verbs(t.Context(), s, one) {
		began := time.Now()
		if err := call(); !errors.Is(err, redisstore.ErrUnavailable) || !strings.Contains(err.Error(), m.port) {
			t.Errorf("while it is away %s = %v, want %v, and where", verb, err, redisstore.ErrUnavailable)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("while it is away %s takes %v", verb, took)
		}
	}
	m.start(t)
	for verb, call := range verbs(t.Context(), s, one) {
		if err := call(); err != nil {
			t.Errorf("when it is back %s = %v", verb, err)
		}
	}
}

// A server that hears and does not answer is worse than none.
func TestAServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	m := launch(t)
	s := connect(t, m.address()+"?timeout=300ms")
	one := birth(account.ID{1})
	if err := s.Begin(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if answer := m.ask("CLIENT", "PAUSE", "60000", "ALL"); answer != "OK" {
		t.Fatal(answer)
	}
	for verb, call := range verbs(t.Context(), s, one) {
		began := time.Now()
		if err := call(); !errors.Is(err, redisstore.ErrUnavailable) {
			t.Errorf("while it hangs %s = %v, want %v", verb, err, redisstore.ErrUnavailable)
		}
		if took := time.Since(began); took > 3*time.Second {
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
			m := launch(t, row.settings...)
			s := connect(t, m.address())
			if answer := m.ask(row.after...); answer != "OK" {
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
	m := launch(t)
	before := runtime.NumGoroutine()
	s, err := redisstore.Open(t.Context(), m.address()+"?timeout=500ms", redisstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if answer := m.ask("CLIENT", "PAUSE", "60000", "ALL"); answer != "OK" {
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
	m.kill()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "all that was begun has ended", func() bool { return runtime.NumGoroutine() <= before })
}
