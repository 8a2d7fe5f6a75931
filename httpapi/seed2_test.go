package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// The second seed: sign-up and sign-in with roles, a refresh token in the body.
// Its published front ends are not changed by a letter; what they rely on is here,
// one test a point.

func TestTheSecondSeedsStory(t *testing.T) {
	t.Parallel()
	a := start(t, demo, rotationOff)

	a.signUp("ada").says("User was registered successfully!")
	in := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
	token := func() option { return header("x-access-token", in.text("accessToken")) }
	a.get("/api/test/all").want(200)
	a.get("/api/test/user", token()).want(200)
	a.get("/api/test/mod", token()).problem(403, "missing_role").says("Require Moderator Role!")
	a.get("/api/test/admin", token()).problem(403, "missing_role").says("Require Admin Role!")

	a.clock.Advance(11 * time.Minute)
	a.get("/api/test/user", token()).problem(401, "expired_token").says("Unauthorized! Access Token was expired!")
	first := in.text("refreshToken")
	in = a.post("/api/auth/refreshtoken", body{"refreshToken": first}, token()).want(200)
	if in.text("refreshToken") != first {
		t.Error("the refresh token changed, though rotation is off")
	}
	a.get("/api/test/user", token()).want(200)
	a.post("/api/auth/signout", body{}, token()).want(200)
	a.get("/api/test/user", token()).problem(401, "revoked_token")
	a.post("/api/auth/refreshtoken", body{"refreshToken": first}).problem(403, "session_ended")
}

// Point 1: a page on another origin reads every answer.
func TestAListedOriginReadsEveryAnswer(t *testing.T) {
	t.Parallel()
	a := start(t, demo, func(c *watchword.Config) { c.Store.Users = &failing{Store: c.Store.Users} })
	user := a.signedIn("ada")
	from := header("Origin", seedOrigin)
	for _, answer := range []reply{
		a.get("/api/test/all", from).want(200),
		a.post("/api/auth/signup", body{"username": "a"}, from).want(400),
		a.get("/api/test/user", from).want(401),
		a.get("/api/test/admin", from, header("x-access-token", user.access)).want(403),
		a.get("/nowhere", from).want(404),
		a.get("/api/auth/signin", from).want(405),
		a.post("/api/auth/signin", nil, from, raw("text/plain", "x")).want(415),
		a.post("/api/auth/signin", body{"username": failingName, "password": password}, from).want(500),
	} {
		if got := answer.header.Get("Access-Control-Allow-Origin"); got != seedOrigin {
			t.Errorf("%s (%d): allowed origin %q", answer.request, answer.status, got)
		}
		if answer.header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s (%d): no credentials", answer.request, answer.status)
		}
		if !slices.Contains(answer.header.Values("Vary"), "Origin") {
			t.Errorf("%s (%d): caches may mix origins up", answer.request, answer.status)
		}
	}
}

// Point 1: the preflight, at every route that a page calls.
func TestAListedOriginsPreflightIsAnswered(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	for path, method := range map[string]string{
		"/api/auth/signup": "POST", "/api/auth/signin": "POST", "/api/auth/refreshtoken": "POST", "/api/auth/signout": "POST",
		"/api/test/all": "GET", "/api/test/user": "GET", "/login": "POST", "/refresh": "POST",
	} {
		answer := a.do("OPTIONS", path, nil, header("Origin", seedOrigin),
			header("Access-Control-Request-Method", method), header("Access-Control-Request-Headers", "content-type,x-access-token"))
		if answer.status < 200 || answer.status > 299 {
			t.Errorf("%s: %d", path, answer.status)
		}
		allowed := strings.ToLower(answer.header.Get("Access-Control-Allow-Headers"))
		for _, name := range []string{"x-access-token", "authorization", "content-type"} {
			if !strings.Contains(allowed, name) {
				t.Errorf("%s: the header %s is not allowed: %q", path, name, allowed)
			}
		}
		if !strings.Contains(answer.header.Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("%s: %s is not allowed", path, method)
		}
		if answer.header.Get("Access-Control-Allow-Origin") != seedOrigin || answer.header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: %v", path, answer.header)
		}
	}
}

func TestAnUnlistedOriginReadsNothing(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	for _, origin := range []string{"http://localhost:8082", "https://localhost:8081", "http://localhost:8081.evil.example", "null", "http://LOCALHOST:8081"} {
		answer := a.get("/api/test/all", header("Origin", origin)).want(200)
		preflight := a.do("OPTIONS", "/api/auth/signin", nil, header("Origin", origin), header("Access-Control-Request-Method", "POST")).want(204)
		for _, r := range []reply{answer, preflight} {
			for name := range r.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s gets %s from %s", origin, name, r.request)
				}
			}
		}
	}
}

// Point 1: the Angular 16 front end has nothing but cookies.
func TestAFrontEndWithCookiesAlone(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	a.signUp("ada")
	page := a.browser()
	from := []option{header("Origin", seedOrigin), header("Sec-Fetch-Site", "same-site")}

	page.do("GET", "/api/test/user", nil, from...).problem(401, "no_token")
	in := page.post("/api/auth/signin", body{"username": "ada", "password": password}, from...).want(200)
	set := in.cookie("watchword-demo")
	if set == nil || !set.HttpOnly || set.Path != "/api/test" || set.SameSite != http.SameSiteStrictMode {
		t.Fatalf("the demo's cookie: %v", set)
	}
	page.do("GET", "/api/test/user", nil, from...).want(200)
	page.do("GET", "/api/test/admin", nil, from...).problem(403, "missing_role")
	page.do("GET", "/api/auth/me", nil, append(from, header("Cookie", set.Name+"="+set.Value))...).problem(401, "no_token")

	out := page.post("/api/auth/signout", body{}, from...).want(200)
	if out.json() == nil || !strings.HasPrefix(out.header.Get("Content-Type"), "application/json") {
		t.Error("sign-out does not answer JSON")
	}
	page.do("GET", "/api/test/user", nil, from...).problem(401, "no_token")
}

func TestTheDemosCookieIsTheDemosAlone(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	in := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
	if len(in.cookies) != 0 {
		t.Errorf("without the demo a sign-in set %v", in.cookies)
	}
	a.get("/api/test/all").problem(404, "not_found")
	a.post("/api/auth/signout", body{}).problem(401, "no_token")
}

// Point 2: the shape of the answer to a sign-in.
func TestASignInAnswersWhatTheFrontEndsRead(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signedIn("root", "admin") // somebody has to be
	a.signUp("ada")
	u, err := a.Accounts().Lookup(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ roles, want []string }{
		{[]string{"user"}, []string{"ROLE_USER"}},
		{[]string{"admin", "moderator", "user"}, []string{"ROLE_ADMIN", "ROLE_MODERATOR", "ROLE_USER"}},
		{[]string{}, []string{}},
	} {
		if _, err := a.Accounts().SetRoles(t.Context(), u.ID, row.roles, account.Actor{By: account.ByCLI}); err != nil {
			t.Fatal(err)
		}
		in := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
		var got struct {
			ID, Username, Email, AccessToken, RefreshToken, TokenType string
			Roles                                                     []string
			ExpiresIn                                                 int
		}
		if err := json.Unmarshal([]byte(in.body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, got.Roles); diff != "" {
			t.Error(diff)
		}
		if got.ID != u.ID.String() || got.Username != "ada" || got.Email != "ada@example.org" || got.TokenType != "Bearer" ||
			got.ExpiresIn != 600 || got.AccessToken == "" || got.RefreshToken == "" {
			t.Errorf("got %s", in.body)
		}
		if in.header.Get("Cache-Control") != "no-store" {
			t.Error("tokens may be cached")
		}
	}
}

// Point 3: an access token that is no good is 401, with a message.
func TestABadAccessTokenIs401(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	ended := a.signedIn("ended")
	ended.do("POST", "/api/auth/signout", body{}).want(200)
	expired := a.signedIn("expired")
	a.clock.Advance(10 * time.Minute)
	good := a.signedIn("good")
	stale := a.signedIn("stale")
	if _, err := a.Accounts().SetRoles(t.Context(), stale.ID, []string{"user", "moderator"}, account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ token, code, message string }{
		"expired":         {expired.access, "expired_token", "Unauthorized! Access Token was expired!"},
		"of a sign-out":   {a.again(ended), "revoked_token", "The session has ended."},
		"stale":           {stale.access, "stale_token", "The user has changed since the access token was issued. Refresh it."},
		"forged":          {good.access[:len(good.access)-10] + "AAAAAAAAAA", "invalid_token", "Unauthorized! The access token is not valid here."},
		"garbage":         {"garbage", "invalid_token", "Unauthorized! The access token is not valid here."},
		"a refresh token": {good.refresh, "invalid_token", "Unauthorized! The access token is not valid here."},
	} {
		got := a.get("/api/test/user", header("x-access-token", row.token)).problem(401, row.code).says(row.message)
		if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("%s: challenge %q", name, challenge)
		}
	}
	a.get("/api/test/user", header("x-access-token", good.access)).want(200)
}

// again mints a token for a session as it was before it ended: what a thief has.
func (a *app) again(u *user) string {
	a.t.Helper()
	fresh := a.begin(u.User, session.Body)
	if ended, err := a.Sessions().End(a.t.Context(), fresh.session, session.EndedByAdmin, "cli"); err != nil || !ended {
		a.t.Fatal(ended, err)
	}
	return fresh.access
}

// Point 4: with 401 the front ends would refresh for ever.
func TestARefreshThatFailsIs403AndNever401(t *testing.T) {
	t.Parallel()
	a := start(t)
	idle := a.signedIn("idle")
	cookie := a.begin(a.signedIn("cookie").User, session.Cookie)
	a.clock.Advance(8 * 24 * time.Hour)
	ended := a.signedIn("ended")
	ended.do("POST", "/api/auth/signout", body{}).want(200)
	blocked := a.signedIn("blocked")
	if _, err := a.Accounts().Block(t.Context(), blocked.ID, "", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	good := a.signedIn("good")
	const unknown = "Refresh token is not in database!"
	for name, row := range map[string]struct {
		body          body
		code, message string
	}{
		"nothing":           {nil, "refresh_token_required", "Refresh Token is required!"},
		"no token":          {body{}, "refresh_token_required", "Refresh Token is required!"},
		"null":              {body{"refreshToken": nil}, "refresh_token_required", "Refresh Token is required!"},
		"empty":             {body{"refreshToken": ""}, "refresh_token_required", "Refresh Token is required!"},
		"garbage":           {body{"refreshToken": "garbage"}, "refresh_token_unknown", unknown},
		"a forgery":         {body{"refreshToken": good.refresh[:len(good.refresh)-4] + "AAAA"}, "refresh_token_unknown", unknown},
		"an access token":   {body{"refreshToken": good.access}, "refresh_token_unknown", unknown},
		"a cookie's":        {body{"refreshToken": cookie.refresh}, "refresh_token_unknown", unknown},
		"idle":              {body{"refreshToken": idle.refresh}, "session_ended", "Refresh token was expired. Please make a new signin request"},
		"signed out":        {body{"refreshToken": ended.refresh}, "session_ended", "You were signed out. Please sign in again."},
		"of a blocked user": {body{"refreshToken": blocked.refresh}, "session_ended", "Your account is blocked."},
	} {
		got := a.post("/api/auth/refreshtoken", row.body).problem(403, row.code).says(row.message)
		if got.text("session") != "ended" {
			t.Errorf("%s: session %q", name, got.text("session"))
		}
	}
	good.renew().want(200)
}

// Point 5: they keep the first refresh token, for as long as the session lives.
func TestTheFirstRefreshTokenWorksToTheEndWithRotationOff(t *testing.T) {
	t.Parallel()
	a := start(t, rotationOff)
	u := a.signedIn("ada")
	first := u.refresh
	for range 29 {
		a.clock.Advance(24 * time.Hour)
		got := a.post("/api/auth/refreshtoken", body{"refreshToken": first}).want(200)
		if got.text("refreshToken") != first {
			t.Fatal("another refresh token")
		}
		a.get("/api/auth/me", header("x-access-token", got.text("accessToken"))).want(200)
	}
	a.clock.Advance(24 * time.Hour)
	got := a.post("/api/auth/refreshtoken", body{"refreshToken": first}).problem(403, "session_ended")
	if got.text("reason") != "expired" {
		t.Errorf("reason %s", got.text("reason"))
	}
}

// Point 6: many requests find their token expired at the same moment.
func TestRefreshesAtTheSameMomentAllSucceed(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]func(*watchword.Config){"rotation off": rotationOff, "rotation on": policy(func(*session.Policy) {})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, settings)
			u := a.signedIn("ada")
			a.clock.Advance(10 * time.Minute)
			var all sync.WaitGroup
			refreshed := make([]reply, 20)
			for i := range refreshed {
				all.Go(func() { refreshed[i] = a.post("/api/auth/refreshtoken", body{"refreshToken": u.refresh}) })
			}
			all.Wait()
			tokens := map[string]bool{}
			for _, r := range refreshed {
				tokens[r.want(200).text("refreshToken")] = true
			}
			if len(tokens) != 1 {
				t.Errorf("%d different refresh tokens", len(tokens))
			}
		})
	}
}

// Point 7: they send the token they have everywhere.
func TestAStaleAccessTokenIsIgnoredWhereNoneIsNeeded(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	u := a.signedIn("ada")
	a.clock.Advance(time.Hour)
	for _, token := range []string{u.access, "garbage"} {
		for _, name := range []string{"x-access-token", "Authorization"} {
			stale := header(name, token)
			a.post("/api/auth/signup", body{"username": "eve", "email": "eve@example.org", "password": "short"}, stale).want(400)
			a.post("/api/auth/signin", body{"username": "", "password": ""}, stale).want(400)
			a.post("/api/auth/refreshtoken", body{"refreshToken": u.refresh}, stale).want(200)
			a.get("/api/test/all", stale).want(200)
		}
	}
	stale := header("x-access-token", u.access)
	a.post("/api/auth/signup", body{"username": "bob", "email": "bob@example.org", "password": password}, stale).want(200)
	a.post("/api/auth/signin", body{"username": "bob", "password": password}, stale).want(200)
}

// Point 8.
func TestAMissingRoleIs403AndAMissingTokenIs401(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	user, moderator, admin := a.signedIn("user"), a.signedIn("mod", "moderator"), a.signedIn("admin", "admin")
	user.do("GET", "/api/test/mod", nil).problem(403, "missing_role").says("Require Moderator Role!")
	admin.do("GET", "/api/test/mod", nil).problem(403, "missing_role").says("Require Moderator Role!")
	moderator.do("GET", "/api/test/mod", nil).want(200)
	moderator.do("GET", "/api/test/admin", nil).problem(403, "missing_role").says("Require Admin Role!")
	admin.do("GET", "/api/test/admin", nil).want(200)
	forbidden := user.do("GET", "/api/test/admin", nil)
	if got := forbidden.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) {
		t.Errorf("challenge %q", got)
	}
	missing := a.get("/api/test/user").problem(401, "no_token").says("No token provided!")
	// RFC 6750 section 3.1: who brought nothing is told no error.
	if got := missing.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") || strings.Contains(got, "error") {
		t.Errorf("challenge %q", got)
	}
}

// Point 9: an object in place of the message crashes React.
func TestEveryErrorIsJSONWithAMessage(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	u := a.signedIn("ada")
	for _, got := range []reply{
		a.post("/api/auth/signup", nil, raw("application/json", "{")),
		a.post("/api/auth/signin", body{"username": 5}),
		a.post("/api/auth/signin", nil, raw("text/plain", "x")),
		a.post("/api/auth/signin", nil, raw("application/json", `{"password":"`+strings.Repeat("x", 70_000)+`"}`)),
		a.post("/api/auth/refreshtoken", nil, raw("application/json", "[]")),
		a.get("/api/test/user"),
		u.do("GET", "/api/test/admin", nil),
		a.get("/api/test/nothing"),
		a.do("DELETE", "/api/test/all", nil),
		a.get("//api/test/all"),
		a.get("/api/test/../test/all"),
	} {
		if got.status < 400 {
			t.Errorf("%s: %d", got.request, got.status)
		}
		if message := got.text("message"); message == "" || message != got.text("detail") {
			t.Errorf("%s: message %q", got.request, message)
		}
	}
}

// Point 10.
func TestTheDemoAnswersBareText(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	u := a.signedIn("ada", "user", "moderator", "admin")
	for path, want := range map[string]string{"all": "Public Content.", "user": "User Content.", "mod": "Moderator Content.", "admin": "Admin Content."} {
		got := u.do("GET", "/api/test/"+path, nil).want(200)
		if got.body != want || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %q, %s", path, got.body, got.header.Get("Content-Type"))
		}
	}
}

// Point 11, and the third seed's bare header.
func TestAnAccessTokenIsReadFromEveryHeaderInUse(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	u := a.signedIn("ada")
	for name, with := range map[string][]option{
		"Bearer":                            {header("Authorization", "Bearer "+u.access)},
		"bearer, in lower case":             {header("Authorization", "bearer "+u.access)},
		"x-access-token":                    {header("x-access-token", u.access)},
		"Authorization without a scheme":    {header("Authorization", u.access)},
		"x-access-token beside Basic":       {header("Authorization", "Basic dTpw"), header("x-access-token", u.access)},
		"the Bearer counts, if both differ": {header("Authorization", "Bearer "+u.access), header("x-access-token", "garbage")},
	} {
		if got := a.get("/api/test/user", with...); got.status != 200 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	a.get("/api/test/user?access_token="+u.access).problem(401, "no_token")
	a.get("/api/test/user", header("Authorization", "Basic dTpw")).problem(401, "no_token")
	a.get("/api/test/user", header("Authorization", "Bearer "+u.access), header("Authorization", "Bearer "+u.access)).problem(400, "invalid_request")
}

// Point 12: whoever is stricter than the front end has to say why.
func TestWhatCannotBeChosenIsExplained(t *testing.T) {
	t.Parallel()
	a := start(t)
	for name, row := range map[string]struct {
		change body
		field  string
	}{
		"a password of six characters": {body{"password": "q7x-pl"}, "password"},
		"a common password":            {body{"password": "password1"}, "password"},
		"a name of two":                {body{"username": "ab"}, "username"},
		"a name with a space":          {body{"username": "ada l"}, "username"},
		"no name":                      {body{"username": ""}, "username"},
		"an address without @":         {body{"email": "ada"}, "email"},
		"no address":                   {body{"email": nil}, "email"},
		"no password":                  {body{"password": nil}, "password"},
	} {
		chosen := body{"username": "ada", "email": "ada@example.org", "password": password}
		for field, value := range row.change {
			chosen[field] = value
		}
		got := a.post("/api/auth/signup", chosen).problem(400, "field_invalid")
		if got.text("field") != row.field || got.text("message") == "" {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	longest := strings.Repeat("n", 20)
	a.post("/api/auth/signup", body{
		"username": longest, "email": strings.Repeat("e", 38) + "@example.org", "password": strings.Repeat("p q", 13) + "r",
	}).want(200)
}

// Point 13: 401 would make the front end refresh.
func TestSignUpAndSignInTakeForms(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.post("/api/auth/signup", nil, asForm(url.Values{"username": {"ada"}, "email": {"ada@example.org"}, "password": {password}})).want(200)
	in := a.post("/api/auth/signin", nil, asForm(url.Values{"username": {"ada"}, "password": {password}})).want(200)
	a.post("/api/auth/refreshtoken", nil, asForm(url.Values{"refreshToken": {in.text("refreshToken")}})).want(200)
	a.post("/api/auth/signup", nil, asForm(url.Values{"username": {"eve"}, "email": {"eve@example.org"}, "password": {password}, "roles": {"user", "admin"}})).problem(403, "role_refused")
}

// Points 13 and 14.
func TestASignUpThatFailsSaysWhyAndIsNever401(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	chosen := func(change body) body {
		c := body{"username": "eve", "email": "eve@example.org", "password": password}
		for field, value := range change {
			c[field] = value
		}
		return c
	}
	a.post("/api/auth/signup", chosen(body{"username": "ada"})).problem(400, "username_taken").says("Failed! Username is already in use!")
	a.post("/api/auth/signup", chosen(body{"username": "ADA"})).problem(400, "username_taken")
	a.post("/api/auth/signup", chosen(body{"email": "Ada@example.org"})).problem(400, "email_taken").says("Failed! Email is already in use!")
	a.post("/api/auth/signup", chosen(body{"roles": []string{"wizard"}})).problem(400, "role_unknown").says("Failed! Role wizard does not exist!")
	for _, role := range []string{"admin", "moderator"} {
		a.post("/api/auth/signup", chosen(body{"roles": []string{role}})).problem(403, "role_refused")
	}
	if _, err := a.Accounts().Lookup(t.Context(), "eve"); err == nil {
		t.Error("a sign-up that failed left an account")
	}
	got := a.post("/api/auth/signup", chosen(body{"roles": []string{"user"}})).want(200).says("User was registered successfully!")
	if diff := cmp.Diff([]any{"user"}, got.json()["roles"]); diff != "" {
		t.Error(diff)
	}
}

// No enumeration: the tutorial told strangers who has an account.
func TestAnUnknownUserAndAWrongPasswordGetTheSameAnswer(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	wrong := a.post("/api/auth/signin", body{"username": "ada", "password": "not the password"}).problem(401, "credentials_wrong")
	unknown := a.post("/api/auth/signin", body{"username": "eve", "password": "not the password"}).problem(401, "credentials_wrong")
	if wrong.body != unknown.body {
		t.Errorf("%s\n%s", wrong.body, unknown.body)
	}
	for _, name := range []string{"Date", "X-Request-Id"} {
		wrong.header.Del(name)
		unknown.header.Del(name)
	}
	if diff := cmp.Diff(wrong.header, unknown.header); diff != "" {
		t.Error(diff)
	}
	if wrong.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without a challenge")
	}
}

func TestASignInByEmailAddress(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	a.post("/api/auth/signin", body{"email": "ADA@example.org", "password": password}).want(200)
	a.post("/api/auth/signin", body{"username": "ada@example.org", "password": password}).want(200)
	a.post("/api/auth/signin", body{"username": "ada", "email": "ada@example.org", "password": password}).problem(400, "field_invalid")
}
