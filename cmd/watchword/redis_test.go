package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// redisServer is a Redis that a test stops, kills and starts again.
type redisServer struct {
	port, folder string
	settings     []string
	cmd          *exec.Cmd
}

// startRedis starts a Redis on a free port. Without the program the test is skipped,
// unless WATCHWORD_TEST_REQUIRE names redis.
func startRedis(t *testing.T, settings ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), "redis") {
			t.Fatalf("redis is required: %v", err)
		}
		t.Skipf("SKIPPED: Redis is not tested: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	s := &redisServer{port: port, folder: t.TempDir(), settings: settings}
	t.Cleanup(s.kill)
	s.start(t)
	return s
}

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command("redis-server", append([]string{"--port", s.port, "--bind", "127.0.0.1", "--dir", s.folder,
		"--save", "", "--appendonly", "yes", "--requirepass", "canary"}, s.settings...)...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+s.port); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Redis did not start")
}

// kill ends the process as a power cut would: it can do nothing more.
func (s *redisServer) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return // it never started
	}
	_ = s.cmd.Process.Kill() // fails if it has ended
	_ = s.cmd.Wait()
}

func (s *redisServer) address() string {
	return "redis://default:canary@127.0.0.1:" + s.port + "?timeout=1s"
}

// TestSessionsInRedis has two nodes share a database and a Redis, which goes away and
// comes back.
func TestSessionsInRedis(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	environ := []string{
		"WATCHWORD_DATABASE=sqlite:" + filepath.Join(t.TempDir(), "users.db"), "WATCHWORD_SESSIONS=" + redis.address(),
		"WATCHWORD_MASTER_SECRET=" + goodSecret, "WATCHWORD_ISSUER=https://id.example.org", "WATCHWORD_MIN_TOKEN_AGE=5s",
	}
	a, b := startNodeWith(t, environ, "watchword"), startNodeWith(t, environ, "watchword")
	client := newClient(t)
	const password = "a pass phrase of five words"
	runWatchwordWith(t, environ, password, "user", "add", "--password-stdin", "--email", "ada@example.org", "ada")
	runWatchwordWith(t, environ, password, "user", "add", "--password-stdin", "--role", "admin", "--email", "root@example.org", "root")
	signInAs := func(name string) call {
		return call{method: "POST", path: "/api/auth/signin", body: map[string]string{"username": name, "password": password}}
	}
	signIn, root := signInAs("ada"), mustCall(t, client, a, signInAs("root")).text("accessToken")
	refresh := func(token string) call {
		return call{method: "POST", path: "/api/auth/refreshtoken", body: map[string]string{"refreshToken": token}}
	}
	first := mustCall(t, client, a, signIn)
	phone, car, ada := first.text("refreshToken"), mustCall(t, client, b, signIn).text("refreshToken"), first.text("id")
	phone = mustCall(t, client, b, refresh(phone)).text("refreshToken")
	if list := runWatchwordWith(t, environ, "", "session", "list"); strings.Count(list, " ada ") != 2 {
		t.Errorf("two sessions are not listed:\n%s", list)
	}

	redis.kill()
	for _, away := range []call{{method: "GET", path: "/readyz"}, refresh(phone), signIn} {
		began := time.Now()
		got, err := away.do(t.Context(), client, a.url)
		if err != nil || got.status != http.StatusServiceUnavailable {
			t.Errorf("while Redis is away %s gets %v, %v; want 503", away.path, got, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("while Redis is away %s took %v", away.path, took)
		}
	}
	if response, err := client.Get(a.url + "/readyz"); err != nil {
		t.Error(err)
	} else if response.Body.Close(); response.Header.Get("Retry-After") == "" {
		t.Error("while Redis is away /readyz does not say when to come again")
	}
	// What ends a session does not need Redis.
	block := call{method: "POST", path: "/api/admin/users/" + ada + "/block", access: root, body: map[string]string{"reason": "lost phone"}}
	if got, err := block.do(t.Context(), client, a.url); err != nil || got.status != http.StatusOK {
		t.Errorf("while Redis is away a block gets %v, %v", got, err)
	}

	redis.start(t)
	ready := call{method: "GET", path: "/readyz"}
	for _, n := range []*node{a, b} {
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			got, err := ready.do(t.Context(), client, n.url)
			if err == nil && got.status == http.StatusOK {
				break
			}
			if time.Since(start) > 10*time.Second {
				t.Fatalf("ten seconds after Redis came back /readyz gets %v, %v\n%s", got, err, n.log)
			}
		}
		for _, token := range []string{phone, car} {
			got, err := refresh(token).do(t.Context(), client, n.url)
			if err != nil || got.status != http.StatusForbidden {
				t.Errorf("after the block a refresh gets %v, %v", got, err)
			}
		}
	}
	runWatchwordWith(t, environ, "", "user", "unblock", "ada")
	if got, err := refresh(phone).do(t.Context(), client, b.url); err != nil || got.status != http.StatusForbidden {
		t.Errorf("after the block was lifted a session that it ended gets %v, %v", got, err)
	}
	for _, n := range []*node{a, b} {
		if strings.Contains(n.log.String(), "canary") {
			t.Errorf("the log holds the password of Redis:\n%s", n.log)
		}
	}
}
