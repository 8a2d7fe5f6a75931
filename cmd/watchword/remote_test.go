package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// remotes are the database servers that several nodes may share: how the address of
// one, as its driver writes it, becomes that of an empty database, as a setting.
var remotes = map[string]func(t *testing.T, address string) string{
	"postgres": func(t *testing.T, address string) string { return servertest.EmptyPostgres(t, address) },
	"mysql": func(t *testing.T, address string) string {
		credentials, rest, _ := strings.Cut(servertest.EmptyMySQL(t, address), "@tcp(")
		host, database, _ := strings.Cut(rest, ")/")
		database, _, _ = strings.Cut(database, "?")
		return "mysql://" + credentials + "@" + host + "/" + database
	},
}

// onEachRemote runs a test on an empty database of each server.
func onEachRemote(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	for kind, empty := range remotes {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, empty(t, servertest.Address(t, kind, "WATCHWORD_TEST_"+strings.ToUpper(kind)+"_URL")))
		})
	}
}

// TestNodesShareADatabaseServer has two nodes and the commands work on one
// database: what is done by one holds for the other.
func TestNodesShareADatabaseServer(t *testing.T) {
	t.Parallel()
	onEachRemote(t, func(t *testing.T, address string) {
		environ := []string{
			"WATCHWORD_DATABASE=" + address, "WATCHWORD_MASTER_SECRET=" + goodSecret,
			"WATCHWORD_ISSUER=https://id.example.org",
		}
		a, b := startNodeWith(t, environ, "watchword"), startNodeWith(t, environ, "watchword")
		client := newClient(t)
		const password = "a pass phrase of five words"
		runWatchwordWith(t, environ, password, "user", "add", "--password-stdin", "--email", "ada@example.org", "ada")
		grant := mustCall(t, client, a, call{method: "POST", path: "/api/auth/signin", body: map[string]string{"username": "ada", "password": password}})
		grant = mustCall(t, client, b, call{method: "POST", path: "/api/auth/refreshtoken", body: map[string]string{"refreshToken": grant.text("refreshToken")}})
		me := call{method: "GET", path: "/api/auth/me", access: grant.text("accessToken")}
		mustCall(t, client, a, me)

		runWatchwordWith(t, environ, "", "user", "block", "ada")
		for _, n := range []*node{a, b} {
			look := time.NewTicker(20 * time.Millisecond)
			defer look.Stop()
			for start := time.Now(); ; <-look.C {
				answer, err := me.do(t.Context(), client, n.url)
				if err == nil && answer.status == http.StatusUnauthorized {
					break
				}
				if time.Since(start) > 30*time.Second { // one is promised, on a machine that does nothing else
					t.Fatalf("half a minute after the block the access token still gets %d, %v", answer.status, err)
				}
			}
		}
		if list := runWatchwordWith(t, environ, "", "session", "list", "--all"); !strings.Contains(list, "ended: the user was blocked") {
			t.Errorf("the session is not told to have ended:\n%s", list)
		}
	})
}
