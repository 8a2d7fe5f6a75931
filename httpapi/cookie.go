package httpapi

import (
	"net/http"
	"net/url"
	"time"
)

// The names of the cookie that holds a refresh token. The prefix makes browsers
// insist that the cookie is Secure and HttpOnly, for this host alone, and set by
// the server (RFC 10017); it needs https. On plain http://localhost there is a
// name for development.
const (
	cookieName      = "__Host-Http-watchword"
	cookieNamePlain = "watchword-dev"
)

// demoCookie holds an access token, with Demo only, for the one published front
// end of the seeds that cannot send a header. It reaches the demo's resources
// and nothing else.
const (
	demoCookie     = "watchword-demo"
	demoCookiePath = "/api/test"
)

// cookies sets and reads the cookies of this server.
type cookies struct {
	plain    bool // http on this machine: no Secure, no prefix
	sameSite http.SameSite
	now      func() time.Time
}

// newCookies decides by the public address, which is configured: a header that
// says "https" may be anybody's.
func newCookies(issuer string, sameSite http.SameSite, now func() time.Time) cookies {
	u, err := url.Parse(issuer)
	c := cookies{plain: err == nil && u.Scheme == "http" && Loopback(u.Hostname()), sameSite: sameSite, now: now}
	if c.plain && sameSite == http.SameSiteNoneMode {
		// Browsers drop a None cookie that is not Secure; and pages at other ports of
		// this machine are of the same site.
		c.sameSite = http.SameSiteLaxMode
	}
	return c
}

// refresh returns the refresh token that the request's cookie holds, or "".
func (c cookies) refresh(r *http.Request) string {
	if cookie, err := r.Cookie(c.name()); err == nil {
		return cookie.Value
	}
	return ""
}

// setRefresh hands a refresh token over, until the session expires.
func (c cookies) setRefresh(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, c.cookie(c.name(), "/", token, expires))
}

// clearRefresh makes the browser forget it.
func (c cookies) clearRefresh(w http.ResponseWriter) {
	http.SetCookie(w, c.cookie(c.name(), "/", "", time.Time{}))
}

func (c cookies) setDemo(w http.ResponseWriter, accessToken string, expires time.Time) {
	http.SetCookie(w, c.cookie(demoCookie, demoCookiePath, accessToken, expires))
}

func (c cookies) clearDemo(w http.ResponseWriter) {
	http.SetCookie(w, c.cookie(demoCookie, demoCookiePath, "", time.Time{}))
}

func (c cookies) name() string {
	if c.plain {
		return cookieNamePlain
	}
	return cookieName
}

// cookie makes one that lasts until expires; the zero time removes it.
func (c cookies) cookie(name, path, value string, expires time.Time) *http.Cookie {
	age := -1
	if !expires.IsZero() {
		age = max(int(expires.Sub(c.now())/time.Second), 1)
	}
	return &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: age,
		Secure: !c.plain, HttpOnly: true, SameSite: c.sameSite,
	}
}
