package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// TestSessionsInRedis has two nodes share a database and a Redis, which goes away and
// comes back.
func TestSessionsInRedis(t *testing.T) {
	t.Parallel()
	redis := servertest.StartRedis(t, "--appendonly", "yes", "--requirepass", "canary")
	environ := []string{
		"WATCHWORD_DATABASE=sqlite:" + filepath.Join(t.TempDir(), "users.db"), "WATCHWORD_SESSIONS=redis://default:canary@" + redis.Host() + "?timeout=4s",
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

	redis.Kill()
	for _, away := range []call{{method: "GET", path: "/readyz"}, refresh(phone), signIn} {
		began := time.Now()
		got, err := away.do(t.Context(), client, a.url)
		if err != nil || got.status != http.StatusServiceUnavailable {
			t.Errorf("while Redis is away %s gets %v, %v; want 503", away.path, got, err)
		}
		if took := time.Since(began); took > 20*time.Second {
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

	redis.Start(t)
	ready := call{method: "GET", path: "/readyz"}
	for _, n := range []*node{a, b} {
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			got, err := ready.do(t.Context(), client, n.url)
			if err == nil && got.status == http.StatusOK {
				break
			}
			if time.Since(start) > time.Minute {
				t.Fatalf("a minute after Redis came back /readyz gets %v, %v\n%s", got, err, n.log)
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
