package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// brokenSessions is a session store that fails while it is told to.
type brokenSessions struct {
	session.Store
	mu    sync.Mutex
	err   error
	spare int // so many sessions can be ended before
}

func (b *brokenSessions) fail(err error) { b.failAfter(0, err) }

func (b *brokenSessions) failAfter(ends int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err, b.spare = err, ends
}

func (b *brokenSessions) failing() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spare > 0 {
		return nil
	}
	return b.err
}

func (b *brokenSessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	if err := b.failing(); err != nil {
		return session.Session{}, err
	}
	return b.Store.Find(ctx, id)
}

func (b *brokenSessions) Revoke(ctx context.Context, id session.ID, tombstone session.Tombstone) (bool, error) {
	if err := b.failing(); err != nil {
		return false, err
	}
	b.mu.Lock()
	b.spare--
	b.mu.Unlock()
	return b.Store.Revoke(ctx, id, tombstone)
}

func breaking(sessions **brokenSessions) func(*watchword.Config) {
	return func(c *watchword.Config) {
		*sessions = &brokenSessions{Store: c.Store.Sessions}
		c.Store.Sessions = *sessions
	}
}

// A store that is down signs nobody out and loses no cookie.
func TestAStoreThatIsDownIsNoReasonToSignOut(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"too slow":        context.DeadlineExceeded,
		"sqlstore's word": fmt.Errorf("find: %w", sqlstore.ErrUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sessions *brokenSessions
			a := start(t, breaking(&sessions))
			u := a.signedIn("ada")
			inCookie := a.begin(u.User, session.Cookie)
			sessions.fail(err)
			for _, got := range []reply{
				u.renew(),
				a.post("/refresh", nil, cookie(devCookie, inCookie.refresh), fromOwnPage),
				a.post("/logout", nil, cookie(devCookie, inCookie.refresh), fromOwnPage),
				u.do("POST", "/api/auth/signout", body{}),
			} {
				got.problem(503, "unavailable")
				if got.header.Get("Retry-After") == "" || len(got.cookies) != 0 {
					t.Errorf("%s: %v", got.request, got.header)
				}
				if strings.Contains(got.request, "refresh") && got.text("session") != "alive" {
					t.Errorf("%s: session %q", got.request, got.text("session"))
				}
			}
			a.get("/readyz").problem(503, "unavailable").says("Not ready: sessions.")
			a.get("/healthz").want(200)
			sessions.fail(nil)
			a.get("/readyz").want(200)
			u.renew().want(200)
			a.post("/refresh", nil, cookie(devCookie, inCookie.refresh), fromOwnPage).want(200)
		})
	}
}

func TestAFaultNobodyKnowsIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	var sessions *brokenSessions
	a := start(t, breaking(&sessions))
	u := a.signedIn("ada")
	sessions.fail(errors.New("disk full of eels"))
	got := u.renew().problem(500, "internal")
	if strings.Contains(got.body, "eels") {
		t.Errorf("the cause is told: %s", got.body)
	}
	if got.text("session") != "alive" || got.text("requestId") != got.header.Get("X-Request-Id") {
		t.Errorf("got %s", got.body)
	}
	for line := range strings.Lines(a.log.String()) {
		if strings.Contains(line, got.text("requestId")) && strings.Contains(line, "eels") && strings.Contains(line, `"level":"ERROR"`) {
			return
		}
	}
	t.Errorf("the log does not tell: %s", a.log)
}

// panicking is a user store with a fault in it.
type panicking struct{ account.Store }

func (panicking) FindByUsername(context.Context, string) (account.User, error) { panic("off by one") }

func TestAPanicIsA500(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) { c.Store.Users = panicking{c.Store.Users} })
	got := a.post("/api/auth/signin", body{"username": "ada", "password": password}, header("Origin", a.url)).problem(500, "internal")
	if got.text("requestId") == "" || !strings.Contains(a.log.String(), "off by one") {
		t.Errorf("got %s", got.body)
	}
	a.get("/healthz").want(200)
}

func TestRevocationsThatAreOldMakeItUnready(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.get("/readyz").want(200)
	// The follower of this node looks every 0.4 seconds; the clock runs away from it.
	deadline := time.Now().Add(10 * time.Second)
	for a.get("/readyz").status != 503 {
		a.clock.Advance(time.Minute)
		if time.Now().After(deadline) {
			t.Fatal("ready with old revocations")
		}
	}
}

func TestEveryPathHasAnAnswerToEveryMethod(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
		got := a.do(method, "/api/auth/signin", nil)
		if method == "POST" {
			continue
		}
		got.want(405)
		if got.header.Get("Allow") != "OPTIONS, POST" {
			t.Errorf("%s: Allow %q", method, got.header.Get("Allow"))
		}
	}
	if allow := a.do("OPTIONS", "/healthz", nil).want(204).header.Get("Allow"); allow != "GET, HEAD, OPTIONS" {
		t.Errorf("Allow %q", allow)
	}
	head := a.do("HEAD", "/healthz", nil).want(200)
	if head.body != "" || head.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %q, %v", head.body, head.header)
	}
	for _, path := range []string{"/", "/api", "/api/auth/signin/", "//", "/api//auth/me", "/api/auth/../auth/me", "/%2e%2e/x", "/openapi.yml"} {
		a.get(path).problem(404, "not_found")
	}
}

func TestEveryAnswerHasTheSafeHeaders(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	for _, got := range []reply{u.do("GET", "/api/auth/me", nil), u.renew(), a.get("/nowhere"), a.get("/api/auth/me"), a.get("/api/auth/verify")} {
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q", got.request, name, got.header.Get(name))
			}
		}
		if len(got.header.Get("X-Request-Id")) != 16 {
			t.Errorf("%s: request id %q", got.request, got.header.Get("X-Request-Id"))
		}
	}
}

// Wherever a client puts a token by mistake, the log does not keep it. What the
// harness searches for after every test is put into all the wrong places here.
func TestASecretInTheWrongPlaceIsNotLogged(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	u := a.signedIn("eve")
	a.get("/api/auth/me?access_token=" + u.access)
	a.get("/api/auth/sessions/" + u.refresh)
	a.get("/" + u.refresh)
	a.get("/api/auth/verify/" + u.access)
	a.get("/api/auth/verify-role/" + u.refresh)
	a.get("/api/auth/verify-role/"+u.refresh, header("Authorization", u.access))
	a.get("/healthz", header("User-Agent", u.refresh), header("Referer", "https://x.example/"+u.access), header("X-Request-Id", u.refresh))
	method := "M" + strings.ToUpper(strings.NewReplacer("_", "", "-", "").Replace(u.refresh))
	a.seen.add(method)
	a.do(method, "/healthz", nil).want(405)
	a.post("/api/auth/signin", nil, raw("application/x-www-form-urlencoded", `{"username":"ada","password":"`+password+`"}`)).want(400)
	a.post("/api/auth/signin", body{"username": password, "password": "ada"}).want(401)
	a.post("/api/auth/signin", body{"username": "ada", "password": password + " "}).want(401)
	a.post("/api/auth/refreshtoken", body{u.refresh: "refreshToken"}).want(400)
	a.post("/api/auth/refreshtoken", body{"refreshToken": []string{u.refresh}}).want(400)
	a.post("/api/auth/refreshtoken?scope="+u.refresh, body{"refreshToken": u.refresh}).want(200)
	a.seen.add(password)
}

// A body that trickles in for ever holds no connection for ever, whether anybody
// reads it or not, and whatever server is around the handler.
func TestEveryBodyIsBoundedInTime(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, request := range []string{
		"POST /api/auth/signin", "POST /refresh", "POST /logout", "POST /nowhere", "POST /api/auth/verify",
		"GET /api/auth/me", "GET /api/auth/revocations", "OPTIONS /healthz",
	} {
		method, path, _ := strings.Cut(request, " ")
		for _, accept := range []string{"*/*", "text/event-stream"} {
			ctx, cancel := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader("{"))
			r.Header.Set("Accept", accept)
			w := &bounded{ResponseRecorder: httptest.NewRecorder()}
			cancel() // whoever asks has gone: a stream ends
			a.ServeHTTP(w, r)
			if w.until.IsZero() {
				t.Errorf("%s, %s: a body may take for ever", request, accept)
			}
		}
	}
}

// bounded is an answer on a connection that has deadlines.
type bounded struct {
	*httptest.ResponseRecorder
	until time.Time // when reading ends, before the body has come
}

func (b *bounded) SetReadDeadline(t time.Time) error {
	if b.until.IsZero() {
		b.until = t
	}
	return nil
}

func (b *bounded) SetWriteDeadline(time.Time) error { return nil }
