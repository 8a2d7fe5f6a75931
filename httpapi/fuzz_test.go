package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/watchwordauth/watchword"
)

// fuzzed is one server for all inputs: it takes no input that makes an account,
// which would cost more than the rest together.
var fuzzed = sync.OnceValues(func() (*watchword.Server, error) {
	return watchword.New(context.Background(), watchword.Config{Demo: true, SignupClosed: true, Logger: slog.New(slog.DiscardHandler)})
})

// FuzzRequests holds that whatever is sent wherever, the answer is the client's
// business: never 5xx, and a problem with a message if it is no success.
func FuzzRequests(f *testing.F) {
	for _, seed := range []struct{ method, path, header, body string }{
		{"POST", "/api/auth/signup", "", `{"username":"ada","email":"ada@example.org","password":"correct horse battery","roles":["user"]}`},
		{"POST", "/api/auth/signin", "Bearer x", `{"username":"ada","delivery":"cookie"}`},
		{"POST", "/api/auth/refreshtoken", "", `{"refreshToken":"wwr_AXaR91DBNw5C_75HCYLDUsy8AAAAAmsBUdhY1ckNKHfF7-zrkCNpyFz6"}`},
		{"POST", "/api/auth/refreshtoken", "", `{"refreshToken":null,"refreshToken":1}`},
		{"POST", "/api/auth/signout?scope=all", "", `{"refreshToken":"x"}`},
		{"POST", "/login", "", `{"email":"\ud800"}`},
		{"POST", "/refresh", "", ``},
		{"PUT", "/api/auth/password", "eyJhbGciOiJFUzI1NiJ9.e30.AA", `{}`},
		{"GET", "/api/admin/users?limit=1&before=%00", "Bearer", ``},
		{"DELETE", "/api/auth/sessions/%2e%2e", "a b c", ``},
		{"GET", "/api/auth/verify-role/admin/../x", "x.y.z", ``},
		{"OPTIONS", "/api/test/all", "", ``},
		{"POST", "/oauth/token", "Basic d2F0Y2h3b3JkOg==", `grant_type=refresh_token&refresh_token=wwr_AXaR91DBNw5C_75HCYLDUsy8AAAAAmsBUdhY1ckNKHfF7-zrkCNpyFz6`},
		{"POST", "/oauth/revoke", "basic %%%", `token=%ff&token=`},
		{"POST", "/oauth/introspect", "Basic b3JkZXJzOng=", `client_id=orders;client_secret=%00`},
	} {
		f.Add(seed.method, seed.path, seed.header, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, authorization, body string) {
		r, err := http.NewRequest(method, "http://localhost:8080/"+strings.TrimPrefix(path, "/"), bytes.NewReader([]byte(body)))
		if err != nil || strings.HasPrefix(r.URL.Path, "/api/auth/revocations") {
			t.Skip("no request, or one that may last")
		}
		r.RemoteAddr = "192.0.2.1:1"
		r.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r.Header.Set("Authorization", authorization)
		r.AddCookie(&http.Cookie{Name: "watchword-dev", Value: "garbage"})
		server, err := fuzzed()
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if w.Code < 400 {
			return
		}
		var problem struct{ Message, Error string } // OAuth's errors have no message
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Message == "" && problem.Error == "" {
			t.Fatalf("%d without a message: %s", w.Code, w.Body)
		}
	})
}
