// Package story tells one story of every example: who may do what, and who may not.
// Your own API is tested in the same way.
package story

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

// Tell tests the API that an example makes for a verifier.
func Tell(t *testing.T, api func(*verify.Verifier) http.Handler) {
	t.Helper()
	issuer := verifytest.New(t)
	handler := api(issuer.Verifier(t))
	ada := issuer.Mint(verify.Claims{Username: "ada", Roles: []string{"user"}})
	root := issuer.Mint(verify.Claims{Subject: "root", Username: "root", Roles: []string{"user", "admin"}})
	out := issuer.Mint(verify.Claims{Username: "out", SessionID: "over"})
	changed := issuer.Mint(verify.Claims{Subject: "changed", Username: "changed", Roles: []string{"admin"}})
	issuer.Revoke("over")
	issuer.RaiseEpoch("changed")

	for name, row := range map[string]struct {
		method, path, token string
		status              int
		says                string
	}{
		"anybody with a token":         {"GET", "/orders", ada, 200, "the orders of ada"},
		"an administrator":             {"DELETE", "/orders/7", root, 200, "root deleted order 7"},
		"without a token":              {"GET", "/orders", "", 401, `"no_token"`},
		"with garbage":                 {"GET", "/orders", "garbage", 401, `"invalid_token"`},
		"with a token that expired":    {"GET", "/orders", issuer.MintExpired(verify.Claims{}), 401, `"expired_token"`},
		"after signing out":            {"GET", "/orders", out, 401, `"revoked_token"`},
		"after a change of roles":      {"DELETE", "/orders/7", changed, 401, `"stale_token"`},
		"without the role":             {"DELETE", "/orders/7", ada, 403, `"missing_role"`},
		"without a token, for a role":  {"DELETE", "/orders/7", "", 401, `"no_token"`},
		"a page that is for everybody": {"GET", "/", "", 200, "orders are at /orders"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, row.path, nil)
			if row.token != "" {
				r.Header.Set("Authorization", "Bearer "+row.token)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != row.status || !strings.Contains(w.Body.String(), row.says) {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, row.status, row.says)
			}
			challenge := w.Header().Get("WWW-Authenticate")
			if refused := row.status == 401 || row.status == 403; refused != strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("%d with the challenge %q", w.Code, challenge)
			}
		})
	}
}
