package verify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

// api answers who the caller is.
var api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	claims, ok := verify.FromContext(r.Context())
	_, _ = fmt.Fprintln(w, claims.Username, ok)
})

func TestTheMiddlewareAnswersAsTheStandardsSay(t *testing.T) {
	t.Parallel()
	i := verifytest.NewIssuer(issuer)
	i.Revoke("dead")
	stale := i.Mint(verify.Claims{Subject: "eve"})
	i.RaiseEpoch("eve")
	v := i.Verifier(t)
	token := i.Mint(verify.Claims{Roles: []string{"user"}})
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	challenge := func(code, description string) string {
		return `Bearer realm="watchword", error="` + code + `", error_description="` + description + `"`
	}
	const anybody = `Bearer realm="watchword"`
	tests := []struct {
		name      string
		roles     []string
		header    http.Header
		status    int
		code      string
		challenge string
	}{
		{"a good token", nil, bearer(token), 200, "", ""},
		{"a scheme in lower case", nil, http.Header{"Authorization": {"bearer " + token}}, 200, "", ""},
		{"a role that it has", []string{"admin", "user"}, bearer(token), 200, "", ""},
		{"no token", nil, nil, 401, "no_token", anybody},
		{"another scheme", nil, http.Header{"Authorization": {"Basic YTpi"}}, 401, "no_token", anybody},
		{"a token without scheme", nil, http.Header{"Authorization": {token}}, 401, "no_token", anybody},
		{"a token in another header", nil, http.Header{"X-Access-Token": {token}}, 401, "no_token", anybody},
		{"a role that it lacks", []string{"admin"}, bearer(token), 403, "missing_role", challenge("insufficient_scope", "The access token does not carry the role that is needed here.")},
		{"a forged token", nil, bearer(verifytest.NewIssuer(issuer).Mint(verify.Claims{})), 401, "invalid_token", challenge("invalid_token", "The access token is not valid here.")},
		{"garbage", nil, bearer("garbage"), 401, "invalid_token", challenge("invalid_token", "The access token is not valid here.")},
		{"an expired token", nil, bearer(i.MintExpired(verify.Claims{})), 401, "expired_token", challenge("invalid_token", "The access token has expired.")},
		{"a stale token", nil, bearer(stale), 401, "stale_token", challenge("invalid_token", "The user has changed since the access token was issued. Refresh it.")},
		{"a revoked token", nil, bearer(i.Mint(verify.Claims{SessionID: "dead"})), 401, "revoked_token", challenge("invalid_token", "The session has ended.")},
		{"two headers", nil, http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}, 400, "invalid_request", challenge("invalid_request", "The Authorization header is malformed.")},
		{"Bearer without a token", nil, http.Header{"Authorization": {"Bearer "}}, 400, "invalid_request", challenge("invalid_request", "The Authorization header is malformed.")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/orders?access_token="+token, nil)
			if test.header != nil {
				r.Header = test.header
			}
			w := httptest.NewRecorder()
			v.RequireRole(test.roles...)(api).ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if got := w.Header().Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("challenge\n%s, want\n%s", got, test.challenge)
			}
			if test.status == 200 {
				if w.Body.String() != "ada true\n" {
					t.Errorf("the handler found %q", w.Body)
				}
				return
			}
			checkProblem(t, w, test.code)
		})
	}
}

// checkProblem compares the body with the contract of RFC 9457 and the code.
func checkProblem(t testing.TB, w *httptest.ResponseRecorder, code string) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "about:blank", "title": http.StatusText(w.Code), "status": float64(w.Code),
		"detail": body["detail"], "message": body["detail"], "code": code,
	}
	if diff := cmp.Diff(want, body); diff != "" || body["detail"] == "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	wantHeader := map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
	for name, value := range wantHeader {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %s, want %s", name, got, value)
		}
	}
}

func TestAnOutageIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	tests := map[error]string{
		verify.ErrKeysUnavailable:        "keys_unavailable",
		verify.ErrRevocationsUnavailable: "revocations_unavailable",
	}
	for err, code := range tests {
		w := httptest.NewRecorder()
		verify.Explain(fmt.Errorf("verify: %w", err)).Write(w)
		if w.Code != 503 || w.Header().Get("WWW-Authenticate") != "" || w.Header().Get("Retry-After") != "2" {
			t.Errorf("%v: status %d, header %v", err, w.Code, w.Header())
		}
		checkProblem(t, w, code)
	}
}

func TestAnApplicationFindsTokensAndAnswersInItsOwnWay(t *testing.T) {
	t.Parallel()
	i := verifytest.NewIssuer(issuer)
	source := func(r *http.Request) (string, error) {
		if token := r.Header.Get("X-Access-Token"); token != "" {
			return token, nil
		}
		return verify.BearerToken(r)
	}
	v := i.Verifier(t, verify.WithTokenSource(source), verify.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) {
		p := verify.Explain(err)
		if errors.Is(err, verify.ErrRole) {
			p.Message = "Require Admin Role!"
		}
		p.Write(w)
	}))
	for _, name := range []string{"X-Access-Token", "Authorization"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(name, map[string]string{"Authorization": "Bearer "}[name]+i.Mint(verify.Claims{}))
		w := httptest.NewRecorder()
		v.Require(api).ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%s: status %d", name, w.Code)
		}
		w = httptest.NewRecorder()
		v.RequireRole("admin")(api).ServeHTTP(w, r)
		var body struct{ Message string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 403 || body.Message != "Require Admin Role!" {
			t.Errorf("%s: status %d, body %s", name, w.Code, w.Body)
		}
	}
}

func TestAHandlerMayServeStrangers(t *testing.T) {
	t.Parallel()
	i := verifytest.NewIssuer(issuer)
	v := i.Verifier(t)
	r := httptest.NewRequest("GET", "/", nil)
	if _, err := v.VerifyRequest(r); !errors.Is(err, verify.ErrNoToken) {
		t.Errorf("without a token: %v", err)
	}
	r.Header.Set("Authorization", "Bearer "+i.Mint(verify.Claims{Expiry: i.Now().Add(time.Minute)}))
	if claims, err := v.VerifyRequest(r); err != nil || claims.Subject != verifytest.Subject {
		t.Errorf("with one: %v, %v", claims, err)
	}
}

func TestAContextWithoutClaimsHasNone(t *testing.T) {
	t.Parallel()
	if claims, ok := verify.FromContext(t.Context()); ok {
		t.Errorf("claims %v", claims)
	}
	if claims, ok := verify.FromContext(verify.NewContext(t.Context(), nil)); ok {
		t.Errorf("claims %v", claims)
	}
}
