package httpapi_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// The first seed: the refresh token in an HttpOnly cookie, the access token in the
// body. Its .env works, too.

// https is a server that is reached by https, whatever is between.
func https(c *watchword.Config) { c.Issuer = "https://id.example.org" }

// devCookie is the cookie's name on plain http on this machine.
const devCookie = "watchword-dev"

func TestTheFirstSeedsStory(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) {
		c.AccessTokenSecret = "Kq3vN8xw2LhT5mYc7RbZ0aPd4JfGs6Ue9QoWi1Xt"
		c.RefreshTokenSecret = "b7d0c4e81f92a65d3370e6a94cb81d5f20e7693ab4cd18f50692e7db3f84a1c6"
	})
	a.signUp("ada")
	page := a.browser()
	in := page.post("/login", body{"username": "ada", "password": password}, fromOwnPage).want(200)
	if strings.Contains(in.body, "wwr_") {
		t.Error("the refresh token is in the body")
	}
	claims, err := a.Verifier().Verify(t.Context(), in.text("accessToken"))
	if err != nil {
		t.Fatal(err)
	}
	if claims.Username != "ada" || claims.Email != "ada@example.org" {
		t.Errorf("the access token says %q, %q", claims.Username, claims.Email)
	}
	a.get("/api/auth/me", header("Authorization", "Bearer "+in.text("accessToken"))).want(200)

	a.clock.Advance(11 * time.Minute)
	a.get("/api/auth/me", header("Authorization", "Bearer "+in.text("accessToken"))).problem(401, "expired_token")
	again := page.post("/refresh", nil, fromOwnPage).want(200)
	if strings.Contains(again.body, "wwr_") {
		t.Error("the refresh token is in the body")
	}
	if c := again.cookie(devCookie); c == nil || c.Value == in.cookie(devCookie).Value {
		t.Error("the cookie was not replaced")
	}
	a.get("/api/auth/me", header("Authorization", "Bearer "+again.text("accessToken"))).want(200)

	out := page.post("/logout", nil, fromOwnPage).want(200)
	if c := out.cookie(devCookie); c == nil || c.MaxAge >= 0 {
		t.Errorf("the cookie is not removed: %v", c)
	}
	page.post("/refresh", nil, fromOwnPage).problem(403, "refresh_token_required")
	a.get("/api/auth/me", header("Authorization", "Bearer "+again.text("accessToken"))).problem(401, "revoked_token")
}

func TestTheCookiesOfADeployment(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sameSite http.SameSite
		want     http.SameSite
	}{
		"strict, unless another is chosen": {0, http.SameSiteStrictMode},
		"lax":                              {http.SameSiteLaxMode, http.SameSiteLaxMode},
		"none, for a front end elsewhere":  {http.SameSiteNoneMode, http.SameSiteNoneMode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, https, func(c *watchword.Config) {
				c.CookieSameSite = row.sameSite
				c.AllowOrigins = []string{"https://app.example.com"}
			})
			a.signUp("ada")
			in := a.post("/login", body{"username": "ada", "password": password}).want(200)
			c := in.cookie("__Host-Http-watchword")
			if c == nil {
				t.Fatalf("got %v", in.cookies)
			}
			// The prefix makes browsers refuse it unless these hold.
			if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
				t.Errorf("got %v", c)
			}
			if c.SameSite != row.want {
				t.Errorf("SameSite %v", c.SameSite)
			}
			if want := int((30 * 24 * time.Hour).Seconds()); c.MaxAge != want {
				t.Errorf("Max-Age %d, want the session's life, %d", c.MaxAge, want)
			}
		})
	}
}

func TestACookieLastsAsLongAsItsSession(t *testing.T) {
	t.Parallel()
	a := start(t, https)
	u := a.begin(a.signedIn("ada").User, session.Cookie)
	a.clock.Advance(5 * 24 * time.Hour)
	got := a.post("/refresh", nil, cookie("__Host-Http-watchword", u.refresh), fromOwnPage).want(200)
	if c := got.cookie("__Host-Http-watchword"); c == nil || c.MaxAge != int((25*24*time.Hour).Seconds()) {
		t.Errorf("got %v", c)
	}
}

// A header may be anybody's: only the configured address tells what is plain.
func TestWhetherItIsPlainHTTPIsNotReadFromAHeader(t *testing.T) {
	t.Parallel()
	a := start(t, https)
	a.signUp("ada")
	in := a.post("/login", body{"username": "ada", "password": password}, header("X-Forwarded-Proto", "http"), header("Host", "localhost")).want(200)
	if c := in.cookie("__Host-Http-watchword"); c == nil || !c.Secure {
		t.Errorf("got %v", in.cookies)
	}
}

func cookie(name, value string) option {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
}

func TestLoginTakesAForm(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	a.post("/login", nil, asForm(url.Values{"username": {"ada"}, "password": {password}}), fromOwnPage).want(200)
	a.post("/login", body{"username": "ada", "password": "wrong"}).problem(401, "credentials_wrong")
}

// A script in a page must not get at a cookie's token through the other route.
func TestATokenWorksOnlyTheWayItWasDelivered(t *testing.T) {
	t.Parallel()
	a := start(t)
	inBody := a.signedIn("ada")
	inCookie := a.begin(inBody.User, session.Cookie)
	a.post("/api/auth/refreshtoken", body{"refreshToken": inCookie.refresh}).problem(403, "refresh_token_unknown")
	a.post("/refresh", nil, cookie(devCookie, inBody.refresh), fromOwnPage).problem(403, "refresh_token_unknown")
	a.post("/refresh", body{"refreshToken": inBody.refresh}, fromOwnPage).problem(403, "refresh_token_required")
	a.post("/api/auth/refreshtoken", nil, cookie(devCookie, inCookie.refresh)).problem(403, "refresh_token_required")
	inBody.renew().want(200)
	a.post("/refresh", nil, cookie(devCookie, inCookie.refresh), fromOwnPage).want(200)
}

func TestASignInMayAskForTheCookie(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	in := a.post("/api/auth/signin", body{"username": "ada", "password": password, "delivery": "cookie"}, fromOwnPage).want(200)
	if strings.Contains(in.body, "wwr_") || in.cookie(devCookie) == nil {
		t.Errorf("%s, %v", in.body, in.cookies)
	}
	in = a.post("/api/auth/signin", body{"username": "ada", "password": password, "delivery": "body"}).want(200)
	if in.text("refreshToken") == "" || len(in.cookies) != 0 {
		t.Errorf("%s, %v", in.body, in.cookies)
	}
	a.post("/api/auth/signin", body{"username": "ada", "password": password, "delivery": "pigeon"}).problem(400, "field_invalid")
	// Another site's form must not sign its visitor in as somebody else.
	form := asForm(url.Values{"username": {"ada"}, "password": {password}, "delivery": {"cookie"}})
	foreign := a.post("/api/auth/signin", nil, form, header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")).problem(403, "cross_origin")
	if len(foreign.cookies) != 0 {
		t.Errorf("got %v", foreign.cookies)
	}
}

// A late answer must not put an old cookie in a newer one's place.
func TestACookieThatStaysIsNotSetAgain(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.begin(a.signedIn("ada").User, session.Cookie)
	young := a.post("/refresh", nil, cookie(devCookie, u.refresh), fromOwnPage).want(200)
	if len(young.cookies) != 0 || young.json()["renewed"] != false {
		t.Errorf("kept, but set: %v", young.cookies)
	}
	a.clock.Advance(time.Minute)
	ripe := a.post("/refresh", nil, cookie(devCookie, u.refresh), fromOwnPage).want(200)
	if ripe.cookie(devCookie) == nil || ripe.json()["renewed"] != true {
		t.Error("rotated, but not set")
	}
}

// Not even the end of the session takes the cookie away: by then it may be that of a
// sign-in in another tab.
func TestARefusedRefreshLeavesTheCookie(t *testing.T) {
	t.Parallel()
	a := start(t)
	ada := a.signedIn("ada").User
	presents := func(u *user, options ...option) reply {
		return a.post("/refresh", nil, append(options, cookie(devCookie, u.refresh), fromOwnPage)...)
	}
	straggler := a.begin(ada, session.Cookie)
	a.clock.Advance(time.Minute)
	presents(straggler, header("Idempotency-Key", "first tab's key")).want(200)
	late := presents(straggler, header("Idempotency-Key", "second tab's key")).problem(409, "refresh_straggler")
	if late.text("session") != "alive" || len(late.cookies) != 0 {
		t.Errorf("a straggler: %s, %v", late.text("session"), late.cookies)
	}

	a.clock.Advance(time.Minute)
	reused := presents(straggler, header("Idempotency-Key", "a thief's")).problem(403, "session_ended")
	if reused.text("reason") != "reuse_detected" || len(reused.cookies) != 0 {
		t.Errorf("reuse: %s, %v: a cookie that a sign-in has set meanwhile would be lost", reused.body, reused.cookies)
	}

	garbage := a.post("/refresh", nil, cookie(devCookie, "garbage"), fromOwnPage).problem(403, "refresh_token_unknown")
	if len(garbage.cookies) != 0 {
		t.Errorf("garbage: %v", garbage.cookies)
	}

	foreign := a.post("/refresh", nil, cookie(devCookie, straggler.refresh), header("Sec-Fetch-Site", "cross-site")).problem(403, "cross_origin")
	if foreign.text("session") != "alive" || len(foreign.cookies) != 0 {
		t.Errorf("another site signs the user out: %s, %v", foreign.body, foreign.cookies)
	}

	a.get("/refresh").problem(405, "method_not_allowed")
}

func TestASignOutByCookieEndsTheSession(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.begin(a.signedIn("ada").User, session.Cookie)
	a.post("/logout", nil, fromOwnPage).want(200)
	gone := a.post("/logout", nil, cookie(devCookie, "garbage"), fromOwnPage).want(200)
	if c := gone.cookie(devCookie); c == nil || c.MaxAge >= 0 {
		t.Error("garbage stays")
	}
	a.post("/logout", nil, cookie(devCookie, u.refresh), fromOwnPage).want(200)
	a.post("/refresh", nil, cookie(devCookie, u.refresh), fromOwnPage).problem(403, "session_ended")
	a.post("/logout", nil, cookie(devCookie, u.refresh), fromOwnPage).want(200)
}

// What a page of another site can make its visitor's browser send is refused on
// every route that takes or sets the cookie.
func TestAnotherSitesPageCannotUseTheCookie(t *testing.T) {
	t.Parallel()
	a := start(t, https, func(c *watchword.Config) {
		c.AllowOrigins = []string{"https://app.example.com"}
		c.CookieSameSite = http.SameSiteNoneMode
	})
	u := a.begin(a.signedIn("ada").User, session.Cookie)
	form := asForm(url.Values{})
	json := header("Content-Type", "application/json")
	for name, row := range map[string]struct {
		with    []option
		allowed bool
	}{
		"the server's own page":            {[]option{header("Sec-Fetch-Site", "same-origin")}, true},
		"its own page, older browser":      {[]option{header("Origin", "https://id.example.org")}, true},
		"an allowed front end":             {[]option{header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://app.example.com")}, true},
		"a program":                        {[]option{json}, true},
		"a program with a request key":     {[]option{header("Idempotency-Key", "k")}, true},
		"a browser's address bar":          {[]option{header("Sec-Fetch-Site", "none")}, true},
		"another site":                     {[]option{header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, false},
		"another site's form":              {[]option{header("Sec-Fetch-Site", "cross-site"), header("Origin", "null"), form}, false},
		"a sibling on another subdomain":   {[]option{header("Sec-Fetch-Site", "same-site"), header("Origin", "https://blog.example.org")}, false},
		"another site, older browser":      {[]option{header("Origin", "https://evil.example")}, false},
		"a form of a browser without both": {[]option{form}, false},
		"nothing at all":                   {nil, false},
		"text that pretends to be JSON":    {[]option{raw("text/plain", `{}`)}, false},
		"the other port's allowed origin":  {[]option{header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://app.example.com:8443")}, false},
	} {
		for _, path := range []string{"/login", "/refresh", "/logout"} {
			with := append([]option{cookie("__Host-Http-watchword", "garbage")}, row.with...)
			got := a.post(path, nil, with...)
			if refused := got.optional("code") == "cross_origin"; refused == row.allowed {
				t.Errorf("%s: %s: %d %s", name, path, got.status, got.body)
			}
		}
	}
	a.post("/refresh", nil, cookie("__Host-Http-watchword", u.refresh), header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://app.example.com")).want(200)
}

// The routes that take their tokens from the body are open to every site, as no
// token of the visitor's is in a body that another site wrote. A sign-out with the
// other site's own token must leave the visitor's cookies alone, and a sign-in with
// its own password must not set one.
func TestAnotherSitesPageCannotTakeTheCookieAway(t *testing.T) {
	t.Parallel()
	a := start(t, https, demo, func(c *watchword.Config) { c.CookieSameSite = http.SameSiteNoneMode })
	a.signUp("eve")
	form := func(fields ...string) option {
		values := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		return asForm(values)
	}
	victim := a.begin(a.signedIn("ada").User, session.Cookie)
	for name, where := range map[string][]option{
		"another site":          {header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")},
		"a sibling's subdomain": {header("Sec-Fetch-Site", "same-site"), header("Origin", "https://blog.example.org")},
		"an older browser":      nil,
	} {
		in := a.post("/api/auth/signin", nil, append(where, form("username", "eve", "password", password))...).want(200)
		if len(in.cookies) > 0 {
			t.Errorf("%s: the sign-in sets %d cookies", name, len(in.cookies))
		}
		out := a.post("/api/auth/signout", nil, append(where,
			form("refreshToken", in.text("refreshToken")), cookie("__Host-Http-watchword", victim.refresh))...).want(200)
		if len(out.cookies) > 0 {
			t.Errorf("%s: the sign-out sets %d cookies", name, len(out.cookies))
		}
	}
	// An allowed front end signs out as before.
	own := a.begin(victim.User, session.Body)
	out := a.post("/api/auth/signout", body{"refreshToken": own.refresh},
		header("Sec-Fetch-Site", "cross-site"), header("Origin", seedOrigin), cookie("__Host-Http-watchword", victim.refresh)).want(200)
	if c := out.cookie("__Host-Http-watchword"); c == nil || c.MaxAge >= 0 {
		t.Errorf("the cookie is not removed: %v", c)
	}
}

// optional is one of the body's strings, or "".
func (r reply) optional(field string) string {
	text, _ := r.json()[field].(string)
	return text
}

func TestASettingThatIsUnsafeIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]watchword.Config{
		"SameSite=None for every site": {CookieSameSite: http.SameSiteNoneMode},
		"every origin":                 {AllowOrigins: []string{"*"}},
		"a tutorial's secret":          {AccessTokenSecret: "bezkoder-secret-key"},
		"a short refresh secret":       {RefreshTokenSecret: "secret"},
	} {
		c.Logger = slog.New(slog.DiscardHandler)
		if _, err := watchword.New(t.Context(), c); !errors.Is(err, watchword.ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Nobody could sign out of a session whose cookie was replaced.
func TestASignInEndsTheSessionWhoseCookieItReplaces(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	page := a.browser()
	first := page.post("/login", body{"username": "ada", "password": password}, fromOwnPage).want(200)
	elsewhere := a.post("/login", body{"username": "ada", "password": password}).want(200)
	page.post("/login", body{"username": "ada", "password": "wrong"}, fromOwnPage).want(401)
	page.post("/refresh", nil, fromOwnPage).want(200)
	second := page.post("/login", body{"username": "ada", "password": password}, fromOwnPage).want(200)
	for r, want := range map[*reply]int{&first: 401, &elsewhere: 200, &second: 200} {
		a.get("/api/auth/me", header("Authorization", r.text("accessToken"))).want(want)
	}
}

// On this machine a front end at another port is of the same site, and a browser
// drops a None cookie that is not Secure.
func TestTheDevelopmentCookieIsOneThatBrowsersKeep(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) {
		c.CookieSameSite = http.SameSiteNoneMode
		c.AllowOrigins = []string{"http://localhost:5173"}
	})
	a.signUp("ada")
	in := a.post("/login", body{"username": "ada", "password": password}, header("Origin", "http://localhost:5173")).want(200)
	if c := in.cookie(devCookie); c == nil || c.SameSite != http.SameSiteLaxMode || c.Secure || !c.HttpOnly {
		t.Errorf("got %v", in.cookies)
	}
}

// A page cannot tell a busy server from the end of a session by anything but this.
func TestABlockedUsersPageLearnsWhy(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.begin(a.signedIn("ada").User, session.Cookie)
	if _, err := a.Accounts().Block(t.Context(), u.ID, "", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	got := a.post("/refresh", nil, cookie(devCookie, u.refresh), fromOwnPage).problem(403, "session_ended")
	if got.text("reason") != "user_blocked" || got.text("session") != "ended" || len(got.cookies) != 0 {
		t.Errorf("%s, %v", got.body, got.cookies)
	}
}
