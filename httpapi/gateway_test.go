package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

func TestAGatewayLearnsWhoseTheRequestIs(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada", "moderator", "user")
	token := header("Authorization", "Bearer "+u.access)
	// Envoy sends the original method and path; nginx, Traefik and Caddy send GET.
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
		for _, path := range []string{"", "/", "/orders/7", "//a//b", "/../../admin", "/./x", "/a%2Fb", "/?token=x", "/login"} {
			got := a.do(method, "/api/auth/verify"+path, nil, token, header("Origin", "https://elsewhere.example"), header("Access-Control-Request-Method", "GET")).want(204)
			want := map[string]string{
				"X-Watchword-User": u.ID.String(), "X-Watchword-Username": "ada", "X-Watchword-Email": "ada@example.org",
				"X-Watchword-Roles": "moderator,user", "X-Watchword-Session": u.session.String(),
			}
			for name, value := range want {
				if got.header.Get(name) != value {
					t.Errorf("%s %s: %s is %q, want %q", method, path, name, got.header.Get(name), value)
				}
			}
		}
	}
	a.get("/api/auth/verify", header("x-access-token", u.access)).want(204)
}

func TestAGatewayIsAnsweredNothingBut2xx401And403(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	expired := a.signedIn("eve")
	a.clock.Advance(5 * time.Minute)
	u.renew().want(200)
	a.clock.Advance(6 * time.Minute)
	for name, row := range map[string]struct {
		path   string
		with   []option
		status int
	}{
		"no token":               {"", nil, 401},
		"a preflight":            {"/x", []option{header("Origin", "https://a.example"), header("Access-Control-Request-Method", "PUT")}, 401},
		"an expired token":       {"", []option{header("Authorization", "Bearer "+expired.access)}, 401},
		"garbage":                {"", []option{header("Authorization", "Bearer garbage")}, 401},
		"two headers":            {"", []option{header("Authorization", "Bearer a"), header("Authorization", "Bearer b")}, 401},
		"two of the tutorials'":  {"", []option{header("x-access-token", u.access), header("x-access-token", "b")}, 401},
		"Bearer without a token": {"", []option{header("Authorization", "Bearer ")}, 401},
		"a role that is missing": {"?role=admin", []option{header("Authorization", u.access)}, 403},
		"a role without a name":  {"?role=", []option{header("Authorization", u.access)}, 403},
		"a broken query":         {"?role=%zz", []option{header("Authorization", u.access)}, 403},
		"a token in the URL":     {"?access_token=" + u.access, nil, 401},
		"a good token":           {"", []option{header("Authorization", u.access)}, 204},
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			got := a.do(method, "/api/auth/verify"+row.path, nil, row.with...)
			if got.status != row.status {
				t.Errorf("%s: %s: got %d, want %d: %s", name, method, got.status, row.status, got.body)
			}
			if got.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: %s: no challenge", name, method)
			}
			if got.status != 204 && got.header.Get("X-Watchword-User") != "" {
				t.Errorf("%s: %s: refused, but named", name, method)
			}
		}
	}
}

func TestAGatewayMayRequireARole(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada", "moderator", "user")
	for path, want := range map[string]int{
		"?role=moderator":                      204,
		"?role=admin,moderator":                204, // one of them
		"?role=user&role=moderator":            204, // both
		"?role=user&role=admin":                403, // a visitor's query adds, never takes away
		"?role=admin":                          403,
		"/x?role=admin":                        403,
		"-role/moderator":                      204,
		"-role/moderator/":                     204,
		"-role/moderator/orders/7":             204,
		"-role/admin,user/orders":              204,
		"-role/admin":                          403,
		"-role/admin/orders":                   403,
		"-role/admin/../moderator":             403, // the judged path cannot walk out
		"-role/admin/../../verify":             403,
		"-role/admin/%2e%2e/%2e%2e/verify":     403,
		"-role/admin//":                        403,
		"-role/":                               403,
		"-role//moderator":                     403,
		"-role/moderator/orders?role=admin":    403,
		"-role/moderator/orders?role=%61dmin":  403,
		"-role/moderator/orders?role=user":     204,
		"-role/moderator/-role/admin":          204,
		"-role/moderator/api/auth/verify/role": 204,
	} {
		if got := a.get("/api/auth/verify"+path, header("Authorization", u.access)); got.status != want {
			t.Errorf("%s: got %d, want %d", path, got.status, want)
		}
	}
	a.get("/api/auth/verify-role", header("Authorization", u.access)).problem(404, "not_found")
	a.get("/api/auth/verifyx", header("Authorization", u.access)).problem(404, "not_found")
}

// A name is one header's value, whatever is in it.
func TestANameIsWrittenIntoAHeader(t *testing.T) {
	t.Parallel()
	a := start(t)
	now := a.clock.Now()
	u := account.User{
		ID: uuid.New(now, randomness{}), Username: "Ünal%,", UsernameKey: "ünal", Email: "ünal@example.org", EmailKey: "ünal@example.org",
		Roles: []string{"user"}, Epoch: 1, EpochAt: now, CreatedAt: now,
	}
	if err := a.store.Users.Add(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	got := a.get("/api/auth/verify", header("Authorization", a.begin(u, session.Body).access)).want(204)
	if name := got.header.Get("X-Watchword-Username"); name != "%C3%9Cnal%25%2C" {
		t.Errorf("got %q", name)
	}
	if email := got.header.Get("X-Watchword-Email"); email != "%C3%BCnal@example.org" {
		t.Errorf("got %q", email)
	}
}

func TestTheKeysAreServedAsLibrariesWantThem(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[verify.Algorithm]int{verify.ES256: 1, verify.Ed25519: 1, verify.RS256: 1, verify.HS256: 0} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			a := start(t, func(c *watchword.Config) {
				c.Algorithm = algorithm
				if algorithm == verify.HS256 {
					c.AccessTokenSecret = "Kq3vN8xw2LhT5mYc7RbZ0aPd4JfGs6Ue9QoWi1Xt"
				}
			})
			got := a.get("/.well-known/jwks.json").want(200)
			if kind := got.header.Get("Content-Type"); kind != "application/jwk-set+json" {
				t.Errorf("Content-Type %s", kind)
			}
			if control := got.header.Get("Cache-Control"); control != "public, max-age=600" {
				t.Errorf("Cache-Control %s", control)
			}
			keys := got.json()["keys"].([]any)
			if len(keys) != want {
				t.Fatalf("%d keys", len(keys))
			}
			a.get("/.well-known/jwks.json", header("If-None-Match", got.header.Get("ETag"))).want(304)
			u := a.signedIn("ada")
			first, _, _ := strings.Cut(u.access, ".")
			text, err := base64.RawURLEncoding.DecodeString(first)
			if err != nil {
				t.Fatal(err)
			}
			var head map[string]any
			if err := json.Unmarshal(text, &head); err != nil {
				t.Fatal(err)
			}
			if head["typ"] != "at+jwt" || head["alg"] != string(algorithm) {
				t.Errorf("header %v", head)
			}
			if want == 1 && head["kid"] != keys[0].(map[string]any)["kid"] {
				t.Errorf("kid %v is not among %v", head["kid"], keys)
			}
			u.do("GET", "/api/auth/me", nil).want(200)
		})
	}
}

func TestTheMetadataNameWhatThereIs(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) { c.Issuer = "https://id.example.org" })
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		got := a.get(path).want(200).json()
		if got["issuer"] != "https://id.example.org" {
			t.Errorf("%s: issuer %v", path, got["issuer"])
		}
		for name, value := range got {
			address, ok := value.(string)
			if !ok || name == "issuer" {
				continue
			}
			local, ok := strings.CutPrefix(address, "https://id.example.org")
			if !ok {
				t.Errorf("%s: %s is %s", path, name, address)
			}
			if strings.HasPrefix(local, "/oauth/") {
				a.get(local).problem(405, "method_not_allowed")
				continue
			}
			a.get(local).want(200)
		}
		for _, absent := range []string{"authorization_endpoint", "introspection_endpoint", "registration_endpoint", "userinfo_endpoint"} {
			if _, ok := got[absent]; ok {
				t.Errorf("%s: %s is not there, but named", path, absent)
			}
		}
	}
}

// An issuer with a path is asked for its metadata where RFC 8414 puts the path.
func TestTheMetadataOfAnIssuerWithAPath(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) { c.Issuer = "https://example.org/id" })
	got := a.get("/.well-known/oauth-authorization-server/id").want(200).json()
	if got["issuer"] != "https://example.org/id" || got["jwks_uri"] != "https://example.org/id/.well-known/jwks.json" {
		t.Errorf("got %v", got)
	}
	a.get("/.well-known/oauth-authorization-server/other").problem(404, "not_found")
}

// A resource server with nothing but the issuer's address hears of revocations.
func TestAResourceServerHearsOfRevocationsAtOnce(t *testing.T) {
	t.Parallel()
	// The follower compares the clock of its machine with the server's.
	a := start(t, func(c *watchword.Config) { c.Now = time.Now })
	a.clock.Advance(time.Since(a.clock.Now()))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	verifier, err := verify.New(ctx, a.url, watchword.DefaultAudience)
	if err != nil {
		t.Fatal(err)
	}
	orders := httptest.NewServer(verifier.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})))
	defer orders.Close()
	ask := func(u *user) int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", orders.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+u.access)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	until := func(u *user, status int) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for ask(u) != status {
			if time.Now().After(deadline) {
				t.Fatalf("still %d after ten seconds", ask(u))
			}
		}
	}

	signsOut, changed, other := a.signedIn("ada"), a.signedIn("bob"), a.signedIn("eve")
	for _, u := range []*user{signsOut, changed, other} {
		if got := ask(u); got != 200 {
			t.Fatalf("a good token: %d", got)
		}
	}
	signsOut.do("POST", "/api/auth/signout", body{}).want(200)
	until(signsOut, 401)
	if _, err := a.Accounts().SetRoles(t.Context(), changed.ID, []string{"user", "moderator"}, account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	until(changed, 401)
	changed.renew().want(200)
	until(changed, 200)
	if got := ask(other); got != 200 {
		t.Errorf("somebody else's token: %d", got)
	}
}

func TestTheRevocationsAreServedWhole(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	empty := a.get("/api/auth/revocations").want(200)
	if kind := empty.header.Get("Content-Type"); kind != "application/jwt" {
		t.Errorf("Content-Type %s", kind)
	}
	same := a.get("/api/auth/revocations", header("If-None-Match", empty.header.Get("ETag"))).want(304)
	beat := payload(t, same.header.Get("Watchword-Heartbeat"))
	if beat["full"] == true || beat["iss"] != a.url {
		t.Errorf("heartbeat %v", beat)
	}
	u.do("POST", "/api/auth/signout", body{}).want(200)
	after := a.get("/api/auth/revocations", header("If-None-Match", empty.header.Get("ETag"))).want(200)
	listed := payload(t, after.body)["sessions"]
	if entries, ok := listed.([]any); !ok || len(entries) != 1 || entries[0] == u.session.String() {
		t.Errorf("want a digest of the session's id, got %v", listed)
	}
}

// payload is what a compact JWS says, unverified.
func payload(t *testing.T, jws string) map[string]any {
	t.Helper()
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWS: %q", jws)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// Whoever takes every stream they can get leaves others theirs, and the answers
// that are no streams.
func TestOneClientCannotTakeAllStreams(t *testing.T) {
	t.Parallel()
	a := start(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	open := func() *http.Response {
		r, err := http.NewRequestWithContext(ctx, "GET", a.url+"/api/auth/revocations", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/event-stream")
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for range 100 {
		answer := open()
		defer answer.Body.Close()
		if answer.StatusCode != 200 {
			t.Fatalf("got %d", answer.StatusCode)
		}
	}
	refused := a.get("/api/auth/revocations", header("Accept", "text/event-stream")).problem(503, "busy")
	if refused.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", refused.header.Get("Retry-After"))
	}
	a.get("/api/auth/revocations").want(200)
}

// Draining ends the streams, so that a shutdown need not wait for them.
func TestADrainEndsTheStreams(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", a.url+"/api/auth/revocations", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("Content-Type %s", kind)
	}
	events := make(chan string)
	go func() {
		defer close(events)
		buffer := make([]byte, 64<<10)
		for {
			n, err := answer.Body.Read(buffer)
			if n > 0 {
				events <- string(buffer[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	if first := <-events; !strings.HasPrefix(first, "event: revocations\ndata: ey") {
		t.Errorf("got %q", first)
	}
	a.Drain()
	for range events {
	}
	if ctx.Err() != nil {
		t.Error("the stream went on")
	}
	a.get("/healthz").want(200)
}

// The seeds' messages, for a program's own handlers too.
func TestRequireGuardsHandlersOfTheProgram(t *testing.T) {
	t.Parallel()
	a := start(t)
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := verify.FromContext(r.Context())
		if !ok {
			t.Error("no claims")
			return
		}
		w.Write([]byte("hello " + claims.Username))
	})
	mux := http.NewServeMux()
	mux.Handle("/any", a.Require()(hello))
	mux.Handle("/staff", a.Require("admin", "moderator")(hello))
	server := httptest.NewServer(mux)
	defer server.Close()
	ask := func(path, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", token)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var b strings.Builder
		if err := answer.Write(&b); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, b.String()
	}
	ada, mod := a.signedIn("ada"), a.signedIn("mod", "moderator")
	for _, row := range []struct {
		path, token string
		status      int
		says        string
	}{
		{"/any", "", 401, "No token provided!"},
		{"/any", ada.access, 200, "hello ada"},
		{"/any", "Bearer " + ada.access, 200, "hello ada"},
		{"/staff", ada.access, 403, "Require Admin or Moderator Role!"},
		{"/staff", mod.access, 200, "hello mod"},
	} {
		status, text := ask(row.path, row.token)
		if status != row.status || !strings.Contains(text, row.says) {
			t.Errorf("%s: got %d %s", row.path, status, text)
		}
	}
	ada.do("POST", "/api/auth/signout", body{}).want(200)
	if status, _ := ask("/any", ada.access); status != 401 {
		t.Errorf("after sign-out: %d", status)
	}
}
