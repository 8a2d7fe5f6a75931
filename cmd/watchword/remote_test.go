package main

import (
	"crypto/rand"
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// remotes are the database servers that several nodes may share: where the tests
// find one, and how its address becomes that of an empty database.
var remotes = map[string]func(t *testing.T, address string) string{
	"postgres": func(t *testing.T, address string) string {
		schema := "watchword_" + strings.ToLower(rand.Text())
		execute(t, "pgx", address, "CREATE SCHEMA "+schema)
		t.Cleanup(func() { execute(t, "pgx", address, "DROP SCHEMA "+schema+" CASCADE") })
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("search_path", schema)
		u.RawQuery = q.Encode()
		return u.String()
	},
	"mysql": func(t *testing.T, address string) string { // as the driver writes it
		database := "watchword_" + strings.ToLower(rand.Text())
		execute(t, "mysql", address, "CREATE DATABASE "+database)
		t.Cleanup(func() { execute(t, "mysql", address, "DROP DATABASE "+database) })
		credentials, rest, _ := strings.Cut(address, "@tcp(")
		host, _, _ := strings.Cut(rest, ")")
		return "mysql://" + credentials + "@" + host + "/" + database
	},
}

func execute(t testing.TB, driver, address, statement string) {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestNodesShareADatabaseServer has two nodes and the commands work on one
// database: what is done by one holds for the other.
func TestNodesShareADatabaseServer(t *testing.T) {
	t.Parallel()
	for kind, empty := range remotes {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			variable := "WATCHWORD_TEST_" + strings.ToUpper(kind) + "_URL"
			server := os.Getenv(variable)
			switch {
			case server != "":
			case slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), kind):
				t.Fatalf("%s is required, and %s does not say where it is", kind, variable)
			default:
				t.Skipf("SKIPPED: %s is not tested, since %s does not say where it is", kind, variable)
			}
			environ := []string{
				"WATCHWORD_DATABASE=" + empty(t, server), "WATCHWORD_MASTER_SECRET=" + goodSecret,
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
					if time.Since(start) > 5*time.Second { // one is promised, on a machine that does nothing else
						t.Fatalf("five seconds after the block the access token still gets %d, %v", answer.status, err)
					}
				}
			}
			if list := runWatchwordWith(t, environ, "", "session", "list", "--all"); !strings.Contains(list, "ended: the user was blocked") {
				t.Errorf("the session is not told to have ended:\n%s", list)
			}
		})
	}
}
