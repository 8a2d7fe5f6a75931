package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

// serving makes a server on the memory store, whose log goes nowhere but is
// written, and a grant of one user.
func serving(b *testing.B) (http.Handler, session.Grant) {
	b.Helper()
	policy := session.DefaultPolicy()
	policy.MinAge = 0
	stores := memory.New()
	server, err := watchword.New(b.Context(), watchword.Config{
		Store: stores, MasterSecrets: []string{masterSecret}, Policy: policy,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close() })
	now := time.Now()
	u := account.User{ID: account.ID{1}, Username: "ada", UsernameKey: "ada", Roles: []string{"user"}, Epoch: 1, EpochAt: now, CreatedAt: now}
	if err := stores.Users.Add(b.Context(), u); err != nil {
		b.Fatal(err)
	}
	grant, err := server.Sessions().Begin(context.Background(), u, "watchword", session.Body, session.Origin{})
	if err != nil {
		b.Fatal(err)
	}
	return server, grant
}

// BenchmarkRefresh is one rotation, from the request to the answer, without a network.
func BenchmarkRefresh(b *testing.B) {
	server, grant := serving(b)
	token := grant.RefreshToken
	for b.Loop() {
		r := httptest.NewRequest("POST", "/api/auth/refreshtoken", strings.NewReader(`{"refreshToken":"`+token+`"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		var answer struct{ RefreshToken string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
		token = answer.RefreshToken
	}
}

// BenchmarkForwardAuth is one request that a gateway asks about.
func BenchmarkForwardAuth(b *testing.B) {
	server, grant := serving(b)
	for b.Loop() {
		r := httptest.NewRequest("GET", "/api/auth/verify", nil)
		r.Header.Set("Authorization", "Bearer "+grant.AccessToken)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != 204 {
			b.Fatal(w.Code)
		}
	}
}
