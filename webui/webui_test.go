package webui_test

import (
	"context"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/webui"
)

const (
	origin   = "https://id.example"
	app      = "https://app.example"
	password = "correct horse battery"
)

// browser asks a server as a browser does in which no script runs.
type browser struct {
	t      *testing.T
	server *watchword.Server
	jar    map[string]string
	header http.Header // of a form; what a page of ours makes it send, unless changed
}

func open(t *testing.T, change func(*watchword.Config)) *browser {
	t.Helper()
	c := watchword.Config{Issuer: origin, AllowOrigins: []string{app}, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	server, err := watchword.New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return &browser{t, server, map[string]string{}, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {origin}}}
}

func (b *browser) do(method, path string, form url.Values, header http.Header) (*http.Response, string) {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host = "id.example"
	maps.Copy(r.Header, header)
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	answer := w.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range answer.Cookies() {
		b.jar[cookie.Name] = cookie.Value
		if cookie.MaxAge < 0 {
			delete(b.jar, cookie.Name)
		}
	}
	return answer, string(body)
}

func (b *browser) get(path string) (*http.Response, string) { return b.do("GET", path, nil, nil) }
func (b *browser) post(path string, form url.Values) (*http.Response, string) {
	return b.do("POST", path, form, b.header)
}

func (b *browser) addUser(name string) {
	b.t.Helper()
	if _, err := b.server.Accounts().SignUp(context.Background(), account.NewUser{Username: name, Email: name + "@example.org", Password: password}, account.Origin{}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) signedIn() bool { return b.jar["__Host-Http-watchword"] != "" }

func TestSigningUpWithoutAScriptSignsIn(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	answer, body := b.post("/signup", url.Values{
		"username": {"ada"}, "email": {"ada@example.org"}, "password": {password}, "return_to": {app + "/orders?page=2"},
	})
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != app+"/orders?page=2" || !b.signedIn() {
		t.Fatalf("got %d to %q: %s", answer.StatusCode, answer.Header.Get("Location"), body)
	}
	answer, _ = b.post("/signout", nil)
	if answer.StatusCode != http.StatusSeeOther || b.signedIn() {
		t.Fatalf("got %d, signed in: %v", answer.StatusCode, b.signedIn())
	}
	if _, body := b.get(answer.Header.Get("Location")); !strings.Contains(body, "You are signed out.") {
		t.Error("the sign-in page does not say so")
	}
}

func TestSigningInWithoutAScript(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	b.addUser("ada")
	for _, login := range []string{"ada", "Ada@example.org"} {
		answer, _ := b.post("/signin", url.Values{"login": {login}, "password": {password}, "return_to": {""}})
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/account" || !b.signedIn() {
			t.Errorf("%s: got %d to %q", login, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
}

// The cookie is that of the API: a form sets nothing of its own.
func TestTheFormsCookieIsTheAPIs(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	b.addUser("ada")
	answer, _ := b.post("/signin", url.Values{"login": {"ada"}, "password": {password}})
	cookies := answer.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d cookies", len(cookies))
	}
	c := cookies[0]
	if c.Name != "__Host-Http-watchword" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("got %v", c)
	}
}

func TestWhatIsWrongIsSaidOnThePageAndThePasswordIsNotKept(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	b.addUser("ada")
	wrong := "not the password at all"
	for _, row := range []struct {
		path   string
		form   url.Values
		status int
		marked string // the field that is marked; "": none
		says   string
		keeps  string
	}{
		{"/signin", url.Values{"login": {"ada"}, "password": {wrong}}, 401, "", "Wrong username or password.", `value="ada"`},
		{"/signin", url.Values{"login": {"nobody"}, "password": {wrong}}, 401, "", "Wrong username or password.", `value="nobody"`},
		{"/signin", url.Values{"login": {"ada"}, "password": {""}}, 400, "password", "Please enter your password.", `value="ada"`},
		{"/signin", url.Values{"password": {wrong}}, 400, "login", "Please enter your username or email address.", ""},
		{"/signup", url.Values{"username": {"ada"}, "email": {"b@example.org"}, "password": {wrong}}, 400, "username", "This username is taken.", `value="b@example.org"`},
		{"/signup", url.Values{"username": {"bob"}, "email": {"ada@example.org"}, "password": {wrong}}, 400, "email", "There is an account with this email address already.", `value="bob"`},
		{"/signup", url.Values{"username": {"bob"}, "email": {"b@example.org"}, "password": {"x7!q"}}, 400, "password", "8", `value="bob"`},
		{"/signup", url.Values{"username": {"bob"}, "password": {wrong}}, 400, "email", "email", `value="bob"`},
	} {
		answer, body := b.post(row.path, row.form)
		if answer.StatusCode != row.status || !strings.Contains(body, row.says) || !strings.Contains(body, row.keeps) || b.signedIn() {
			t.Errorf("%s %v: got %d, signed in: %v: %s", row.path, row.form, answer.StatusCode, b.signedIn(), body)
		}
		if typed := row.form.Get("password"); typed != "" && strings.Contains(body, typed) {
			t.Errorf("%s %v: the password is in the page", row.path, row.form)
		}
		marked := regexp.MustCompile(`name="(\w+)"[^>]*aria-invalid="true"`).FindStringSubmatch(body)
		if (row.marked == "") != (marked == nil) || marked != nil && marked[1] != row.marked {
			t.Errorf("%s %v: marked is %v, want %q", row.path, row.form, marked, row.marked)
		}
	}
}

// A form of another site would sign its visitor in as somebody else (login CSRF).
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	b.addUser("ada")
	for name, header := range map[string]http.Header{
		"another site":           {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		"a subdomain":            {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.id.example"}},
		"an app on the list":     {"Sec-Fetch-Site": {"same-site"}, "Origin": {app}},
		"an older browser":       {"Origin": {"https://evil.example"}},
		"a frame without origin": {"Origin": {"null"}},
		"one that does not say":  {},
		"another port of ours":   {"Origin": {"https://id.example:81"}},
	} {
		b.header = header
		for path, form := range map[string]url.Values{
			"/signin":  {"login": {"ada"}, "password": {password}},
			"/signup":  {"username": {"eve"}, "email": {"eve@example.org"}, "password": {password}},
			"/signout": {},
		} {
			answer, body := b.post(path, form)
			if answer.StatusCode != http.StatusForbidden || len(answer.Cookies()) > 0 || !strings.Contains(body, "nothing was done") {
				t.Errorf("%s, %s: got %d, %v", name, path, answer.StatusCode, answer.Cookies())
			}
		}
	}
	if total, _, _ := b.server.Accounts().Count(context.Background()); total > 1 {
		t.Errorf("there are %d users", total)
	}
	b.header = http.Header{"Origin": {origin}} // an older browser, our own page
	if answer, _ := b.post("/signin", url.Values{"login": {"ada"}, "password": {password}}); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("our own page: got %d", answer.StatusCode)
	}
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	b.addUser("ada")
	for _, address := range []string{
		"//evil.example", "https:evil.example", `\\evil.example`, `/\evil.example`, "https://app.example@evil.example",
		"https://app.example.evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "\r\nX: y",
		"https://app.example:444/", "http://app.example/", `"><script>alert(1)</script>`,
	} {
		answer, body := b.get("/signin?return_to=" + url.QueryEscape(address))
		if strings.Contains(body, address) || strings.Contains(body, html.EscapeString(address)) || !strings.Contains(body, `data-return="/account"`) ||
			strings.Contains(answer.Header.Get("Content-Security-Policy"), "evil") || !strings.Contains(body, "not on this server’s list") {
			t.Errorf("%q: is on the page: %s", address, body)
		}
		answer, _ = b.post("/signin", url.Values{"login": {"ada"}, "password": {password}, "return_to": {address}})
		if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/account" {
			t.Errorf("%q: got %d to %q", address, answer.StatusCode, to)
		}
	}
	answer, body := b.get("/signin?return_to=" + url.QueryEscape(app+"/x?a=b&c=d"))
	if !strings.Contains(body, `data-return="https://app.example/x?a=b&amp;c=d"`) || !strings.Contains(body, "app.example") {
		t.Errorf("got %s", body)
	}
	// Browsers hold the redirect after a form against this.
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "form-action 'self' "+app) {
		t.Errorf("got %s", policy)
	}
}

func TestEveryPageIsGuarded(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	for _, path := range []string{"/", "/signin", "/signup", "/account", "/nowhere", "/signin?return_to=//x"} {
		answer, body := b.get(path)
		h := answer.Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := h.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		directives := map[string]string{}
		for part := range strings.SplitSeq(h.Get("Content-Security-Policy"), ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
			directives[name] = value
		}
		for name, want := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self'",
			"form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'", "require-trusted-types-for": "'script'",
		} {
			if directives[name] != want {
				t.Errorf("%s: %s is %q", path, name, directives[name])
			}
		}
		inline := regexp.MustCompile(`(?i)<style|<script(?:[^>]*)>[^<]|\sstyle=|\son\w+=|javascript:`)
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s: %q is inline", path, found)
		}
	}
}

func TestMarkupIsShownAsItIs(t *testing.T) {
	t.Parallel()
	nasty := `"><img src=x onerror=alert(1)>`
	b := open(t, func(c *watchword.Config) { c.Brand = webui.Brand{Name: `<b>Acme</b> & "Sons"`} })
	_, body := b.post("/signin", url.Values{"login": {nasty}, "password": {"x"}})
	if strings.Contains(body, "<img src=x") || strings.Contains(body, "<b>Acme") || !strings.Contains(body, "&lt;b&gt;Acme") {
		t.Errorf("got %s", body)
	}
	if _, body = b.get("/signin?reason=" + url.QueryEscape(nasty)); strings.Contains(body, "<img src=x") {
		t.Errorf("got %s", body)
	}
}

func TestASessionsEndIsSaidInWordsThatWeKnow(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	if _, body := b.get("/signin?reason=reuse_detected"); !strings.Contains(body, "used a copy of it") {
		t.Errorf("got %s", body)
	}
	if _, body := b.get("/signin?reason=Call+555-0100"); strings.Contains(body, "555-0100") {
		t.Error("the page says what a link wants it to say")
	}
}

func TestSignUpThatIsClosedSaysSo(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *watchword.Config) { c.SignupClosed = true })
	_, body := b.get("/signup")
	if !strings.Contains(body, "Sign-up is closed") || strings.Contains(body, "<form") {
		t.Errorf("got %s", body)
	}
	if _, body = b.get("/signin"); strings.Contains(body, "/signup") {
		t.Error("the sign-in page leads there")
	}
	answer, body := b.post("/signup", url.Values{"username": {"ada"}, "email": {"ada@example.org"}, "password": {password}})
	if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "Sign-up is closed") {
		t.Errorf("got %d", answer.StatusCode)
	}
}

func TestWhoTriesTooOftenIsToldHowLongToWait(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	b.addUser("ada")
	for range 30 {
		answer, body := b.post("/signin", url.Values{"login": {"ada"}, "password": {"wrong"}})
		if answer.StatusCode != http.StatusTooManyRequests {
			continue
		}
		if !regexp.MustCompile(`Please try again in \d+ (second|minute)s?\.`).MatchString(body) {
			t.Errorf("got %s", body)
		}
		return
	}
	t.Error("nobody was throttled")
}

func TestTheBrandIsOnThePages(t *testing.T) {
	t.Parallel()
	logo := `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	b := open(t, func(c *watchword.Config) {
		c.Brand = webui.Brand{Name: "Acme", Color: "#ffd400", Logo: []byte(logo)}
	})
	_, body := b.get("/signin")
	if !strings.Contains(body, "<title>Sign in · Acme</title>") || strings.Contains(body, "Watchword") {
		t.Errorf("got %s", body)
	}
	for file, want := range map[string]string{"logo.svg": logo, "brand.css": "--accent: #ffd400;"} {
		path := regexp.MustCompile(`/assets/[0-9a-f]+/` + file).FindString(body)
		answer, got := b.get(path)
		if !strings.Contains(got, want) || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s (%s): got %d %s", file, path, answer.StatusCode, got)
		}
		// Somebody may open the logo by itself.
		if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: %s", file, policy)
		}
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	_, body := b.get("/account")
	path := regexp.MustCompile(`/assets/[0-9a-f]+/account\.js`).FindString(body)
	answer, script := b.do("GET", path, nil, http.Header{"Accept-Encoding": {"br, gzip"}})
	if answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || answer.Header.Get("Content-Encoding") != "gzip" || script == "" {
		t.Errorf("got %v", answer.Header)
	}
	// A page of a node that is of another release finds its script here, too.
	answer, script = b.get("/assets/0123456789abcdef/account.js")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Cache-Control") != "no-cache" || !strings.Contains(script, "import") {
		t.Errorf("got %d %v", answer.StatusCode, answer.Header)
	}
	for _, missing := range []string{"/assets/x/webui.go", "/assets/x/", "/assets/x/..%2Fwebui.go", "/assets/x"} {
		if answer, _ := b.get(missing); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d", missing, answer.StatusCode)
		}
	}
}

func TestPagesCanBeLeftOut(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *watchword.Config) { c.PagesOff = true })
	for _, path := range []string{"/", "/signin", "/account", "/assets/x/style.css", "/nowhere"} {
		answer, body := b.get(path)
		if answer.StatusCode != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
			t.Errorf("%s: got %d: %s", path, answer.StatusCode, body)
		}
	}
}

// What is under a path of somebody else's server says so in its addresses.
func TestPagesUnderAPath(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *watchword.Config) { c.Issuer = "https://id.example/auth" })
	_, body := b.get("/signin")
	for _, want := range []string{`action="/auth/signin"`, `href="/auth/signup"`, `data-base="/auth"`, `src="/auth/assets/`, `data-return="/auth/account"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

// What the API answered before there were pages it answers still.
func TestProgramsGetProblems(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	for _, path := range []string{"/", "/nowhere", "/api/nowhere"} {
		r := httptest.NewRequest("GET", path, nil)
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s", path, w.Code, w.Header())
		}
	}
}
