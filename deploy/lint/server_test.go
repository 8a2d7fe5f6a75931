package lint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

var quiet = slog.New(slog.DiscardHandler)

// server is a real one, whose metrics are asked for.
type server struct {
	*watchword.Server
	t testing.TB
}

func serve(t testing.TB) server {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "watchword.db"), sqlstore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return serveOn(t, db.Set())
}

func serveOn(t testing.TB, set store.Set) server {
	t.Helper()
	policy := session.DefaultPolicy()
	policy.MinAge, policy.RetryWindow = 0, 0
	s, err := watchword.New(context.WithoutCancel(t.Context()), watchword.Config{
		Store: set, MasterSecrets: []string{masterSecret(t)}, Policy: policy, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return server{s, t}
}

func masterSecret(t testing.TB) string {
	t.Helper()
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(random[:])
}

// scrape is what Prometheus would read.
func (s server) scrape() string {
	w := httptest.NewRecorder()
	s.Metrics("v1.2.3").ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// post sends JSON and returns the answer's fields.
func (s server) post(path, body string) map[string]any {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	answer := map[string]any{}
	text, err := io.ReadAll(w.Body)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		s.t.Fatalf("%s was answered with %q: %v", path, text, err)
	}
	return answer
}

// live does a little of everything that is counted.
func (s server) live(name string) {
	login := `{"username":"` + name + `","password":"correct horse battery"}`
	s.post("/api/auth/signup", `{"username":"`+name+`","email":"`+name+`@example.org","password":"correct horse battery"}`)
	s.post("/api/auth/signin", `{"username":"`+name+`","password":"not the password"}`)
	old, _ := s.post("/api/auth/signin", login)["refreshToken"].(string)
	if old == "" {
		s.t.Fatal("nobody could sign in")
	}
	refresh := `{"refreshToken":"` + old + `"}`
	s.post("/api/auth/refreshtoken", refresh)
	s.post("/api/auth/refreshtoken", refresh) // stolen
}
