package httpapi_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/session"
)

// form is one, of names and values by turns.
func form(pairs ...string) option {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return asForm(values)
}

func renewal(token string, more ...string) option {
	return form(append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

func asBasic(id, secret string) option {
	return func(r *http.Request) { r.SetBasicAuth(id, secret) }
}

// withClient makes a confidential client and returns its secret.
func withClient(t *testing.T, id string) (secret string, change func(*watchword.Config)) {
	t.Helper()
	c, secret, err := httpapi.NewClient(id, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret, func(config *watchword.Config) { config.Clients = append(config.Clients, c) }
}

// beginAs begins a session of another client than that of the sign-in routes.
func (a *app) beginAs(u account.User, client string) *user {
	a.t.Helper()
	grant, err := a.Sessions().Begin(a.t.Context(), u, client, session.Body, session.Origin{})
	if err != nil {
		a.t.Fatal(err)
	}
	a.seen.add(grant.AccessToken, grant.RefreshToken)
	return &user{User: u, app: a, session: grant.Session.ID, access: grant.AccessToken, refresh: grant.RefreshToken}
}

// oauth fails the test unless the answer is this error of OAuth.
func (r reply) oauth(status int, code string) reply {
	r.t.Helper()
	r.want(status)
	if got := r.text("error"); got != code {
		r.t.Fatalf("%s: got error %q, want %q: %s", r.request, got, code, r.body)
	}
	return r
}

func TestALibraryOfOAuthRenewsByItself(t *testing.T) {
	t.Parallel()
	a := start(t)
	for name, by := range map[string][]option{
		"without a name":             {},
		"by its id":                  {form("client_id", "watchword")},
		"by an empty secret":         {asBasic("watchword", "")}, // as golang.org/x/oauth2 tries first
		"with an access token about": {header("Authorization", "Bearer stale"), header("x-access-token", "stale")},
	} {
		t.Run(name, func(t *testing.T) {
			u := a.signedIn(strings.ReplaceAll(name, " ", "-"))
			first := u.refresh
			a.clock.Advance(time.Minute)
			fields := renewal(first)
			if name == "by its id" {
				by, fields = nil, renewal(first, "client_id", "watchword", "audience", "ignored", "scope", "")
			}
			got := a.post("/oauth/token", nil, append(by, fields)...).want(200)
			if got.text("token_type") != "Bearer" || got.json()["expires_in"] != 600.0 || got.text("refresh_token") == first {
				t.Errorf("got %s", got.body)
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" || got.header.Get("Set-Cookie") != "" {
				t.Errorf("header %v", got.header)
			}
			a.get("/api/auth/me", header("Authorization", "Bearer "+got.text("access_token"))).want(200)
		})
	}
}

// The rule is the same at both doors; OAuth has other words for its verdicts.
func TestOnlyTheEndOfASessionIsAnInvalidGrant(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	stolen := u.refresh
	a.clock.Advance(time.Minute)
	key := header("Idempotency-Key", "the owner's")
	lost := a.post("/oauth/token", nil, renewal(stolen), key).want(200)
	again := a.post("/oauth/token", nil, renewal(stolen), key).want(200)
	if lost.text("refresh_token") != again.text("refresh_token") {
		t.Error("a retry got another token")
	}

	late := a.post("/oauth/token", nil, renewal(stolen), header("Idempotency-Key", "another")).oauth(409, "temporarily_unavailable")
	if late.text("session") != "alive" || late.header.Get("Retry-After") != "" || late.header.Get("WWW-Authenticate") != "" {
		t.Errorf("got %s, %v", late.body, late.header)
	}
	current := a.post("/oauth/token", nil, renewal(lost.text("refresh_token"))).want(200)

	a.clock.Advance(time.Minute)
	if ended := a.post("/oauth/token", nil, renewal(stolen)).oauth(400, "invalid_grant"); ended.text("session") != "ended" {
		t.Errorf("got %s", ended.body)
	}
	a.post("/oauth/token", nil, renewal(current.text("refresh_token"))).oauth(400, "invalid_grant")
}

func TestTheTokenDoorRefuses(t *testing.T) {
	t.Parallel()
	a := start(t)
	live := a.signedIn("live")
	out, blocked := a.signedIn("out"), a.signedIn("blocked")
	out.do("POST", "/api/auth/signout", body{}).want(200)
	if _, err := a.Accounts().Block(t.Context(), blocked.ID, "test", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	inCookie := a.begin(live.User, session.Cookie)
	others := a.beginAs(live.User, "orders")
	for name, row := range map[string]struct {
		sent   []option
		status int
		code   string
	}{
		"garbage":                           {[]option{renewal("garbage")}, 400, "invalid_grant"},
		"an access token":                   {[]option{renewal(live.access)}, 400, "invalid_grant"},
		"a session that ended":              {[]option{renewal(out.refresh)}, 400, "invalid_grant"},
		"a user who is blocked":             {[]option{renewal(blocked.refresh)}, 400, "invalid_grant"},
		"a cookie's token":                  {[]option{renewal(inCookie.refresh)}, 400, "invalid_grant"},
		"another client's token":            {[]option{renewal(others.refresh)}, 400, "invalid_grant"},
		"no grant":                          {[]option{form("refresh_token", live.refresh)}, 400, "invalid_request"},
		"no token":                          {[]option{form("grant_type", "refresh_token")}, 400, "invalid_request"},
		"an empty token":                    {[]option{renewal("")}, 400, "invalid_request"},
		"a scope":                           {[]option{renewal(live.refresh, "scope", "openid")}, 400, "invalid_scope"},
		"a grant twice":                     {[]option{renewal(live.refresh, "grant_type", "refresh_token")}, 400, "invalid_request"},
		"a token twice":                     {[]option{renewal(live.refresh, "refresh_token", live.refresh)}, 400, "invalid_request"},
		"a password":                        {[]option{form("grant_type", "password", "username", "live", "password", password)}, 400, "unsupported_grant_type"},
		"a code":                            {[]option{form("grant_type", "authorization_code", "code", "x")}, 400, "unsupported_grant_type"},
		"client credentials":                {[]option{form("grant_type", "client_credentials")}, 400, "unsupported_grant_type"},
		"nothing":                           {nil, 400, "invalid_request"},
		"JSON":                              {[]option{raw("application/json", `{"grant_type":"refresh_token"}`)}, 400, "invalid_request"},
		"a broken form":                     {[]option{raw("application/x-www-form-urlencoded", "grant_type=%zz")}, 400, "invalid_request"},
		"semicolons":                        {[]option{raw("application/x-www-form-urlencoded", "grant_type=refresh_token;refresh_token=x")}, 400, "invalid_request"},
		"no UTF-8":                          {[]option{raw("application/x-www-form-urlencoded", "grant_type=%ff")}, 400, "invalid_request"},
		"a flood":                           {[]option{raw("application/x-www-form-urlencoded", strings.Repeat("a", 65<<10))}, 400, "invalid_request"},
		"a request key that is too long":    {[]option{renewal(live.refresh), header("Idempotency-Key", strings.Repeat("k", 256))}, 400, "invalid_request"},
		"a client nobody knows":             {[]option{renewal(live.refresh, "client_id", "stranger")}, 401, "invalid_client"},
		"the public client, with a secret":  {[]option{renewal(live.refresh, "client_id", "watchword", "client_secret", "x")}, 401, "invalid_client"},
		"an assertion":                      {[]option{renewal(live.refresh, "client_assertion", "x", "client_assertion_type", "y")}, 401, "invalid_client"},
		"a header that cannot be read":      {[]option{renewal(live.refresh), header("Authorization", "Basic %%%")}, 401, "invalid_client"},
		"two headers":                       {[]option{renewal(live.refresh), asBasic("watchword", ""), header("Authorization", "Bearer x")}, 400, "invalid_request"},
		"one client in the header, another": {[]option{renewal(live.refresh, "client_id", "orders"), asBasic("watchword", "")}, 400, "invalid_request"},
	} {
		got := a.post("/oauth/token", nil, row.sent...)
		if got.status != row.status || got.json()["error"] != row.code {
			t.Errorf("%s: got %d %s, want %d %s", name, got.status, got.body, row.status, row.code)
		}
		if challenge := got.header.Get("WWW-Authenticate"); (row.status == 401) != (challenge == `Basic realm="watchword"`) {
			t.Errorf("%s: challenge %q", name, challenge)
		}
	}
	a.post("/oauth/token?grant_type=refresh_token&refresh_token="+live.refresh, nil).oauth(400, "invalid_request") // not from the URL
	a.get("/oauth/token").problem(405, "method_not_allowed")
	live.renew().want(200) // nothing of all that has hurt
}

func TestAConfidentialClientProvesItself(t *testing.T) {
	t.Parallel()
	secret, orders := withClient(t, "orders.api-2_x")
	next, again := withClient(t, "orders.api-2_x") // while one secret takes the other's place
	stranger, billing := withClient(t, "billing")
	var digest string
	a := start(t, orders, again, billing, func(c *watchword.Config) { digest = hex.EncodeToString(c.Clients[0].Digest[:]) })
	const id = "orders.api-2_x"
	for name, row := range map[string]struct {
		by     []option
		more   []string
		status int
	}{
		"in the header":                     {[]option{asBasic(id, secret)}, nil, 200},
		"in the header, its id in the form": {[]option{asBasic(id, secret)}, []string{"client_id", id}, 200},
		"form-encoded in the header":        {[]option{asBasic("orders%2Eapi%2D2%5Fx", strings.ReplaceAll(secret, "_", "%5F"))}, nil, 200},
		"in the form":                       {nil, []string{"client_id", id, "client_secret", secret}, 200},
		"by the new secret":                 {[]option{asBasic(id, next)}, nil, 200},
		"in both":                           {[]option{asBasic(id, secret)}, []string{"client_secret", secret}, 400},
		"as somebody else":                  {[]option{asBasic(id, secret)}, []string{"client_id", "billing"}, 400},
		"by another's secret":               {[]option{asBasic(id, stranger)}, nil, 401},
		"under another's id":                {[]option{asBasic("billing", secret)}, nil, 401},
		"in another case":                   {[]option{asBasic(id, strings.ToUpper(secret))}, nil, 401},
		"cut short":                         {[]option{asBasic(id, secret[:len(secret)-1])}, nil, 401},
		"and something more":                {[]option{asBasic(id, secret+"x")}, nil, 401},
		"by the digest":                     {[]option{asBasic(id, digest)}, nil, 401},
		"by the configured text":            {[]option{asBasic(id, "sha256:"+digest)}, nil, 401},
		"by nothing":                        {[]option{asBasic(id, "")}, nil, 401},
		"by its id alone":                   {nil, []string{"client_id", id}, 401},
		"by its secret alone":               {nil, []string{"client_secret", secret}, 401},
		"without a name in the header":      {[]option{asBasic("", secret)}, nil, 401},
		"not at all":                        {nil, nil, 401},
		"as the public client":              {nil, []string{"client_id", "watchword"}, 401},
		"with an access token":              {[]option{header("Authorization", "Bearer "+secret)}, nil, 401},
		"with a broken escape":              {[]option{asBasic(id, "%zz")}, nil, 401},
	} {
		got := a.post("/oauth/introspect", nil, append(row.by, form(append([]string{"token", "x"}, row.more...)...))...)
		if got.status != row.status {
			t.Errorf("%s: got %d %s, want %d", name, got.status, got.body, row.status)
		}
	}
}

// A refresh token belongs to the client it was issued to, whoever else has got it.
func TestARefreshTokenWorksForItsClientAlone(t *testing.T) {
	t.Parallel()
	secret, orders := withClient(t, "orders")
	other, billing := withClient(t, "billing")
	a := start(t, orders, billing)
	ours := a.signedIn("ada")
	theirs := a.beginAs(ours.User, "orders")
	a.clock.Advance(time.Minute)

	a.post("/oauth/token", nil, renewal(theirs.refresh)).oauth(400, "invalid_grant")
	a.post("/oauth/token", nil, renewal(theirs.refresh), asBasic("billing", other)).oauth(400, "invalid_grant")
	a.post("/oauth/token", nil, renewal(ours.refresh), asBasic("orders", secret)).oauth(400, "invalid_grant")
	a.post("/api/auth/refreshtoken", body{"refreshToken": theirs.refresh}).problem(403, "refresh_token_unknown")
	for _, by := range [][]option{nil, {asBasic("billing", other)}} {
		a.post("/oauth/revoke", nil, append(by, form("token", theirs.refresh))...).want(200)
		a.post("/oauth/revoke", nil, append(by, form("token", theirs.access))...).oauth(400, "unauthorized_client")
	}

	renewed := a.post("/oauth/token", nil, renewal(theirs.refresh), asBasic("orders", secret)).want(200)
	if renewed.text("refresh_token") == theirs.refresh {
		t.Error("the token stays")
	}
	ours.renew().want(200)
	a.post("/oauth/revoke", nil, form("token", renewed.text("refresh_token")), asBasic("orders", secret)).want(200)
	a.post("/oauth/token", nil, renewal(renewed.text("refresh_token")), asBasic("orders", secret)).oauth(400, "invalid_grant")
}

func TestRevokingATokenEndsItsSession(t *testing.T) {
	t.Parallel()
	a := start(t)
	for name, token := range map[string]func(u *user) string{
		"the refresh token": func(u *user) string { return u.refresh },
		"an old refresh token": func(u *user) string {
			old := u.refresh
			a.clock.Advance(time.Minute)
			u.renew().want(200)
			return old
		},
		"the access token": func(u *user) string { return u.access },
		"a cookie's token": func(u *user) string {
			in := a.begin(u.User, session.Cookie)
			u.session, u.access = in.session, in.access
			return in.refresh
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := a.signedIn(strings.ReplaceAll(name, " ", "-"))
			dead := token(u)
			got := a.post("/oauth/revoke", nil, form("token", dead, "token_type_hint", "pension")).want(200)
			if got.body != "" {
				t.Errorf("got %q", got.body)
			}
			u.do("GET", "/api/auth/me", nil).problem(401, "revoked_token")
			a.post("/oauth/revoke", nil, form("token", dead)).want(200) // again
		})
	}
}

func TestRevokingWhatIsNoTokenChangesNothing(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	old := u.access
	a.clock.Advance(11 * time.Minute)
	u.renew().want(200)
	for _, token := range []string{"garbage", "wwr_", "wwr_" + strings.Repeat("A", 56), old, old[:len(old)-3], u.refresh + "A", "a.b.c"} {
		a.post("/oauth/revoke", nil, form("token", token)).want(200)
	}
	a.post("/oauth/revoke", nil, form("token_type_hint", "refresh_token")).oauth(400, "invalid_request")
	a.post("/oauth/revoke", nil, form("token", u.refresh, "client_id", "stranger")).oauth(401, "invalid_client")
	u.do("GET", "/api/auth/me", nil).want(200)
}

func TestAResourceServerAsksAboutAToken(t *testing.T) {
	t.Parallel()
	secret, orders := withClient(t, "orders")
	a := start(t, orders)
	ask := func(token string) map[string]any {
		t.Helper()
		return a.post("/oauth/introspect", nil, form("token", token, "token_type_hint", "access_token"), asBasic("orders", secret)).want(200).json()
	}
	inactive := map[string]any{"active": false}
	u := a.signedIn("ada", "moderator", "user")
	noon := float64(a.clock.Now().Unix())

	got := ask(u.access)
	if id, ok := got["jti"].(string); !ok || id == "" {
		t.Errorf("jti %v", got["jti"])
	}
	delete(got, "jti")
	if diff := cmp.Diff(map[string]any{
		"active": true, "token_type": "Bearer", "iss": a.url, "sub": u.ID.String(), "aud": []any{"watchword"}, "client_id": "watchword",
		"iat": noon, "exp": noon + 600, "auth_time": noon, "sid": u.session.String(), "roles": []any{"moderator", "user"},
		"username": "ada", "email": "ada@example.org",
	}, got); diff != "" {
		t.Errorf("an access token (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"active": true, "iss": a.url, "sub": u.ID.String(), "client_id": "watchword", "sid": u.session.String(),
		"auth_time": noon, "exp": noon + 7*24*3600,
	}, ask(u.refresh)); diff != "" {
		t.Errorf("a refresh token (-want +got):\n%s", diff)
	}
	if got := ask(a.begin(u.User, session.Cookie).refresh); got["active"] != true {
		t.Errorf("a cookie's token: %v", got)
	}
	if got := ask(a.beginAs(u.User, "orders").refresh); got["active"] != true || got["client_id"] != "orders" {
		t.Errorf("its own token: %v", got)
	}
	for _, token := range []string{"garbage", "a.b.c", "wwr_" + strings.Repeat("A", 56), u.access + "x"} {
		if diff := cmp.Diff(inactive, ask(token)); diff != "" {
			t.Errorf("%q: %s", token, diff)
		}
	}

	// To ask is not to use: neither is a token replaced, nor an old one taken for theft.
	first := u.refresh
	for range 2 {
		a.clock.Advance(time.Minute)
		u.renew().want(200)
	}
	a.clock.Advance(time.Minute)
	if got := ask(first); got["active"] != false {
		t.Errorf("a token that was replaced twice: %v", got)
	}
	if got := ask(u.refresh); got["active"] != true {
		t.Errorf("the current one: %v", got)
	}
	u.renew().want(200)

	a.clock.Advance(11 * time.Minute)
	if diff := cmp.Diff(inactive, ask(u.access)); diff != "" {
		t.Errorf("expired: %s", diff)
	}
}

// What one node ends is not active on another at once, before it could hear of it.
func TestIntrospectionKnowsOnEveryNodeAtOnce(t *testing.T) {
	t.Parallel()
	secret, orders := withClient(t, "orders")
	a := start(t, orders)
	other := start(t, orders, func(c *watchword.Config) { c.Store, c.Issuer, c.Now = a.store, a.url, a.clock.Now })
	operator := account.Actor{By: account.ByCLI}
	for name, row := range map[string]struct {
		happens func(u *user) error
		refresh bool // whether the refresh token stays alive
	}{
		"sign-out": {func(u *user) error { u.do("POST", "/api/auth/signout", body{}).want(200); return nil }, false},
		"sign-out everywhere": {func(u *user) error {
			a.begin(u.User, session.Body).do("POST", "/api/auth/signout?scope=all", body{}).want(200)
			return nil
		}, false},
		"block": {func(u *user) error {
			_, err := a.Accounts().Block(t.Context(), u.ID, "test", operator)
			return err
		}, false},
		"role change": {func(u *user) error {
			_, err := a.Accounts().SetRoles(t.Context(), u.ID, []string{"user", "moderator"}, operator)
			return err
		}, true},
	} {
		u := a.signedIn(strings.ReplaceAll(name, " ", "-"))
		ask := func(token string) any {
			return other.post("/oauth/introspect", nil, form("token", token), asBasic("orders", secret)).want(200).json()["active"]
		}
		if ask(u.access) != true || ask(u.refresh) != true {
			t.Fatalf("%s: not active before", name)
		}
		if err := row.happens(u); err != nil {
			t.Fatal(err)
		}
		if ask(u.access) != false || ask(u.refresh) != row.refresh {
			t.Errorf("%s: access token active: %v, refresh token: %v", name, ask(u.access), ask(u.refresh))
		}
	}
}

func TestADatabaseThatIsDownIsNoInvalidGrant(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]struct {
		status int
		code   string
	}{
		context.DeadlineExceeded:        {503, "temporarily_unavailable"},
		errors.New("disk full of eels"): {500, "server_error"},
	} {
		var sessions *brokenSessions
		secret, orders := withClient(t, "orders")
		a := start(t, breaking(&sessions), orders)
		u := a.signedIn("ada")
		sessions.fail(err)
		for _, got := range []reply{
			a.post("/oauth/token", nil, renewal(u.refresh)),
			a.post("/oauth/revoke", nil, form("token", u.refresh)),
			a.post("/oauth/revoke", nil, form("token", u.access)),
			a.post("/oauth/introspect", nil, form("token", u.refresh), asBasic("orders", secret)),
			a.post("/oauth/introspect", nil, form("token", u.access), asBasic("orders", secret)),
		} {
			got.oauth(want.status, want.code)
			if strings.Contains(got.body, "eels") {
				t.Errorf("the fault is told to strangers: %s", got.body)
			}
			if strings.Contains(got.request, "token") && got.text("session") != "alive" {
				t.Errorf("%s: got %s", got.request, got.body)
			}
		}
		sessions.fail(nil)
		u.renew().want(200)
	}
}

func TestTheMetadataNameTheDoorsThatAreOpen(t *testing.T) {
	t.Parallel()
	_, orders := withClient(t, "orders")
	for name, row := range map[string]struct {
		change []func(*watchword.Config)
		want   map[string]any
	}{
		"without clients": {nil, map[string]any{
			"token_endpoint_auth_methods_supported": []any{"none"}, "revocation_endpoint_auth_methods_supported": []any{"none"},
			"introspection_endpoint": nil, "introspection_endpoint_auth_methods_supported": nil,
		}},
		"with one": {[]func(*watchword.Config){orders}, map[string]any{
			"token_endpoint_auth_methods_supported":         []any{"none", "client_secret_basic", "client_secret_post"},
			"revocation_endpoint_auth_methods_supported":    []any{"none", "client_secret_basic", "client_secret_post"},
			"introspection_endpoint":                        "/oauth/introspect",
			"introspection_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		}},
	} {
		a := start(t, row.change...)
		got := a.get("/.well-known/oauth-authorization-server").want(200).json()
		for field, want := range row.want {
			if path, ok := want.(string); ok {
				want = a.url + path
			}
			if diff := cmp.Diff(want, got[field]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, field, diff)
			}
		}
		if diff := cmp.Diff([]any{a.url + "/oauth/token", a.url + "/oauth/revoke", []any{"refresh_token"}},
			[]any{got["token_endpoint"], got["revocation_endpoint"], got["grant_types_supported"]}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAServerRefusesClientsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "watchword", "a b", "a=b", "a,b", "ä", "a\r\nb", strings.Repeat("a", 65), "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"} {
		if _, _, err := httpapi.NewClient(id, rand.Reader); err == nil {
			t.Errorf("%q is the id of a client", id)
		}
		_, err := watchword.New(t.Context(), watchword.Config{Clients: []httpapi.Client{{ID: id}}})
		if !errors.Is(err, watchword.ErrConfig) {
			t.Errorf("%q: a server was made, or %v", id, err)
		}
	}
}
