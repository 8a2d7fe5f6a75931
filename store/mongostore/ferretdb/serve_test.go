package ferretdb

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/watchwordauth/watchword/internal/nodetest"
)

// Two servers share a database in which a tutorial's collections are already:
// people sign in at one and refresh at the other, what one ends is ended at both,
// also after one was killed, and nothing of the tutorial's is touched.
func TestServersShareADatabase(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "watchword")
	build := exec.Command("go", "build", "-o", binary, "./cmd/watchword")
	build.Dir = filepath.Join("..", "..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	eachBackend(t, func(t *testing.T, b backend) {
		address := b.empty(t)
		database, done := raw(t, address, nameIn(address))
		defer done()
		tutorial := map[string]bson.D{
			"users":         {{Key: "username", Value: "anna"}, {Key: "email", Value: "anna@example.org"}},
			"roles":         {{Key: "name", Value: "user"}},
			"refreshtokens": {{Key: "token", Value: "not ours"}},
		}
		for collection, document := range tutorial {
			if _, err := database.Collection(collection).InsertOne(t.Context(), document); err != nil {
				t.Fatal(err)
			}
		}
		secret, err := exec.Command(binary, "secret").Output()
		if err != nil {
			t.Fatal(err)
		}
		environ := []string{
			"PATH=" + os.Getenv("PATH"), "WATCHWORD_DATABASE=" + address, "WATCHWORD_MASTER_SECRET=" + strings.TrimSpace(string(secret)),
			"WATCHWORD_MIN_TOKEN_AGE=0s", "WATCHWORD_RETRY_WINDOW=0s", "WATCHWORD_ISSUER=https://id.example.org",
		}
		run := func(args ...string) string {
			t.Helper()
			cmd := exec.Command(binary, args...)
			cmd.Env, cmd.Dir = environ, t.TempDir()
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("watchword %s: %v\n%s", strings.Join(args, " "), err, output)
			}
			return string(output)
		}
		one, other := serve(t, binary, environ), serve(t, binary, environ)
		credentials := map[string]any{"username": "anna", "password": "correct horse battery"}
		one.post(t, "/api/auth/signup", map[string]any{"username": "anna", "email": "anna@example.org", "password": "correct horse battery"}, http.StatusOK)
		first := other.post(t, "/api/auth/signin", credentials, http.StatusOK)
		second := one.post(t, "/api/auth/signin", credentials, http.StatusOK)
		refresh := func(s *site, token any, status int) map[string]any {
			t.Helper()
			return s.post(t, "/api/auth/refreshtoken", map[string]any{"refreshToken": token}, status)
		}
		rotated := refresh(one, first["refreshToken"], http.StatusOK)
		if rotated["refreshToken"] == first["refreshToken"] {
			t.Error("the refresh token was not replaced")
		}
		rotated = refresh(other, rotated["refreshToken"], http.StatusOK)
		// The first token again is a thief's: that ends the session, everywhere.
		refresh(one, first["refreshToken"], http.StatusForbidden)
		refresh(other, rotated["refreshToken"], http.StatusForbidden)

		second = refresh(one, second["refreshToken"], http.StatusOK)
		one.Kill()
		refresh(other, second["refreshToken"], http.StatusOK)
		run("user", "block", "anna")
		one = serve(t, binary, environ)
		refresh(one, second["refreshToken"], http.StatusForbidden)
		one.post(t, "/api/auth/signin", credentials, http.StatusForbidden)
		if list := run("session", "list", "--all"); strings.Count(list, "ended") < 2 {
			t.Errorf("the sessions are:\n%s", list)
		}
		if told := run("migrate", "--dry-run"); !strings.Contains(told, "nothing to do") {
			t.Errorf("migrate says:\n%s", told)
		}

		for collection, document := range tutorial {
			var found []bson.D
			cursor, err := database.Collection(collection).Find(t.Context(), bson.D{})
			if err == nil {
				err = cursor.All(t.Context(), &found)
			}
			if err != nil || len(found) != 1 || cmp.Diff(document, found[0][1:]) != "" {
				t.Errorf("%s holds %v, %v", collection, found, err)
			}
		}
	})
}

// site is a server of ours.
type site struct {
	*nodetest.Node
	url    string
	client *http.Client
	log    *nodetest.Log
}

// serve starts a server and waits until it is ready.
func serve(t *testing.T, binary string, environ []string) *site {
	t.Helper()
	cmd, log := exec.Command(binary, "serve"), new(nodetest.Log)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = environ, t.TempDir(), log, log
	node, err := nodetest.Start(cmd, filepath.Join(t.TempDir(), "address"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Kill)
	address, err := node.Address(t.Context())
	if err != nil {
		t.Fatalf("the server did not start: %v\n%s", err, log.Tail())
	}
	return &site{Node: node, url: address, client: nodetest.Client(t), log: log}
}

// post sends a request and expects a status.
func (s *site) post(t *testing.T, path string, body map[string]any, status int) map[string]any {
	t.Helper()
	answer, err := nodetest.Request{Method: http.MethodPost, URL: s.url + path, Body: body}.Do(t.Context(), s.client)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log.Tail())
	}
	if answer.Status != status {
		t.Fatalf("%s answered %d, want %d: %v", path, answer.Status, status, answer.Body)
	}
	return answer.Body
}
