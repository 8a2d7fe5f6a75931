package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
)

// app is a whole server for one test, behind a real connection. Every request
// that goes through its clients is held against openapi.yaml, and every secret in
// it is looked for in the log when the test ends.
type app struct {
	*watchword.Server
	t     *testing.T
	url   string
	store store.Set
	clock *clock
	log   *logbook
	seen  *secrets
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logbook keeps what is logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// masterSecret is of these tests alone.
const masterSecret = "c0fbf5d37fad82311eb8a880de931e81e623108eadd664007cbe6ee4079cc2c4"

// start serves a configuration that only has what the test is about.
func start(t *testing.T, change ...func(*watchword.Config)) *app {
	t.Helper()
	a := &app{
		t: t, clock: &clock{now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)},
		log: &logbook{}, seen: &secrets{}, store: memory.New(),
	}
	c := watchword.Config{
		Store: a.store, MasterSecrets: []string{masterSecret}, Now: a.clock.Now,
		Logger: slog.New(slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	front := httptest.NewUnstartedServer(nil)
	a.url = "http://" + front.Listener.Addr().String()
	c.Issuer = a.url
	for _, f := range change {
		f(&c)
	}
	a.store = c.Store
	server, err := watchword.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	a.Server = server
	front.Config.Handler = server
	front.Start()
	t.Cleanup(func() {
		server.Drain()
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		a.seen.search(t, a.log.String())
	})
	return a
}

// demo serves the demo's resources, as the seeds' front ends want them.
func demo(c *watchword.Config) {
	c.Demo = true
	c.AllowOrigins = []string{seedOrigin}
}

// rotationOff is for clients that keep their first refresh token for ever.
func rotationOff(c *watchword.Config) {
	c.Policy = session.DefaultPolicy()
	c.Policy.Rotation = false
}

// policy changes the default one.
func policy(change func(*session.Policy)) func(*watchword.Config) {
	return func(c *watchword.Config) {
		c.Policy = session.DefaultPolicy()
		change(&c.Policy)
	}
}

const seedOrigin = "http://localhost:8081"

// password is right for every user that signUp makes.
const password = "correct horse battery"

// signUp makes an account over HTTP.
func (a *app) signUp(name string) reply {
	a.t.Helper()
	return a.post("/api/auth/signup", body{"username": name, "email": name + "@example.org", "password": password}).want(200)
}

// user is somebody who is signed in.
type user struct {
	account.User
	app     *app
	session session.ID
	access  string
	refresh string
}

// signedIn makes a user who is signed in, without the work that a password costs.
func (a *app) signedIn(name string, roles ...string) *user {
	a.t.Helper()
	now := a.clock.Now()
	u := account.User{
		ID: uuid.New(now, randomness{}), Username: name, UsernameKey: name,
		Email: name + "@example.org", EmailKey: name + "@example.org",
		Roles: roles, Epoch: 1, EpochAt: now, CreatedAt: now,
	}
	if len(roles) == 0 {
		u.Roles = []string{account.RoleUser}
	}
	if err := a.store.Users.Add(a.t.Context(), u); err != nil {
		a.t.Fatal(err)
	}
	return a.begin(u, session.Body)
}

// begin signs a user in once more.
func (a *app) begin(u account.User, d session.Delivery) *user {
	a.t.Helper()
	grant, err := a.Sessions().Begin(context.WithoutCancel(a.t.Context()), u, "watchword", d, session.Origin{IP: "192.0.2.1", UserAgent: "test"})
	if err != nil {
		a.t.Fatal(err)
	}
	a.seen.add(grant.AccessToken, grant.RefreshToken)
	return &user{User: u, app: a, session: grant.Session.ID, access: grant.AccessToken, refresh: grant.RefreshToken}
}

// do sends a request with the user's access token.
func (u *user) do(method, path string, content body) reply {
	u.app.t.Helper()
	return u.app.do(method, path, content, header("Authorization", "Bearer "+u.access))
}

// renew refreshes over HTTP.
func (u *user) renew(options ...option) reply {
	u.app.t.Helper()
	got := u.app.post("/api/auth/refreshtoken", body{"refreshToken": u.refresh}, options...)
	if got.status == 200 {
		u.access, u.refresh = got.text("accessToken"), got.text("refreshToken")
	}
	return got
}

// body is sent as JSON.
type body map[string]any

// option changes a request.
type option func(*http.Request)

func header(name, value string) option { return func(r *http.Request) { r.Header.Add(name, value) } }

// raw sends this body instead.
func raw(contentType, text string) option {
	return func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(text))
		r.ContentLength = int64(len(text))
		r.Header.Set("Content-Type", contentType)
	}
}

// asForm sends a form.
func asForm(values url.Values) option {
	return raw("application/x-www-form-urlencoded", values.Encode())
}

func (a *app) get(path string, options ...option) reply {
	a.t.Helper()
	return a.do("GET", path, nil, options...)
}

func (a *app) post(path string, content body, options ...option) reply {
	a.t.Helper()
	return a.do("POST", path, content, options...)
}

func (a *app) do(method, path string, content body, options ...option) reply {
	a.t.Helper()
	return a.visitor(nil).do(method, path, content, options...)
}

// visitor is a program, or a browser if it has a jar, that talks to the server.
type visitor struct {
	app  *app
	http *http.Client
}

func (a *app) visitor(jar http.CookieJar) *visitor {
	return &visitor{a, &http.Client{
		Jar: jar, Transport: &checked{a},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// browser is a visitor that keeps cookies.
func (a *app) browser() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.visitor(jar)
}

// fromOwnPage is what a browser adds to a request of the server's own pages.
func fromOwnPage(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }

func (v *visitor) post(path string, content body, options ...option) reply {
	v.app.t.Helper()
	return v.do("POST", path, content, options...)
}

func (v *visitor) do(method, path string, content body, options ...option) reply {
	t := v.app.t
	t.Helper()
	var payload io.Reader
	if content != nil {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, v.app.url+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, o := range options {
		o(r)
	}
	answer, err := v.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{t, method + " " + path, answer.StatusCode, answer.Header, string(text), answer.Cookies()}
}

// reply is what came back.
type reply struct {
	t       *testing.T
	request string
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
}

// want fails the test unless the status is this one.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: got %d, want %d: %s", r.request, r.status, status, r.body)
	}
	return r
}

// problem fails the test unless it is the problem of this code.
func (r reply) problem(status int, code string) reply {
	r.t.Helper()
	r.want(status)
	if got := r.text("code"); got != code {
		r.t.Fatalf("%s: got code %q, want %q: %s", r.request, got, code, r.body)
	}
	return r
}

// says fails the test unless the message is this one.
func (r reply) says(message string) reply {
	r.t.Helper()
	if got := r.text("message"); got != message {
		r.t.Errorf("%s: got message %q, want %q", r.request, got, message)
	}
	return r
}

// json is the body's object.
func (r reply) json() map[string]any {
	r.t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(r.body), &object); err != nil {
		r.t.Fatalf("%s: %v in %q", r.request, err, r.body)
	}
	return object
}

// text is one of the body's strings; it has to be one.
func (r reply) text(field string) string {
	r.t.Helper()
	text, ok := r.json()[field].(string)
	if !ok {
		r.t.Fatalf("%s: no string %q in %s", r.request, field, r.body)
	}
	return text
}

// cookie is the one of this name that the answer sets, or nil.
func (r reply) cookie(name string) *http.Cookie {
	for _, c := range r.cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// randomness is crypto/rand for uuid.New.
type randomness struct{}

func (randomness) Read(p []byte) (int, error) { return randomRead(p) }
