package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ErrSignedOut means that there is no session: nobody signed in, or it has ended.
// The user must sign in again. Errors that are not this one pass: try again later.
var ErrSignedOut = errors.New("signed out")

// Client holds one session with a sign-in server. It is safe for concurrent use.
type Client struct {
	server  string // without a trailing slash
	storage Storage
	http    *http.Client
	now     func() time.Time

	mu      sync.Mutex
	access  string
	expires time.Time // by the clock of this machine
	renewAt time.Time // refresh ahead of need from then on
	flight  *flight   // the refresh that is under way, if one is
}

// flight is one refresh and those who wait for it.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

// Option changes what New makes.
type Option func(*Client)

// WithStorage keeps the session in s. Default: in memory, for the program's life.
func WithStorage(s Storage) Option { return func(c *Client) { c.storage = s } }

// WithHTTPClient sends the requests to the sign-in server with h, which follows no
// redirects here. Default: a client that gives up after ten seconds.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithNow replaces the clock, time.Now, in tests.
func WithNow(now func() time.Time) Option { return func(c *Client) { c.now = now } }

// New makes a client of the sign-in server at an address such as
// https://id.example.org. It connects to nothing yet. Plain http is refused but
// for this machine: the tokens would travel in clear.
func New(server string, options ...Option) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("client: %q is not the address of a server, such as https://id.example.org", server)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && local(u.Hostname())) {
		return nil, fmt.Errorf("client: %q must begin with https://", server)
	}
	c := &Client{server: strings.TrimSuffix(server, "/"), storage: NewMemory(), now: time.Now}
	for _, option := range options {
		option(c)
	}
	if c.http == nil {
		c.http = &http.Client{Timeout: 10 * time.Second}
	}
	// A redirect (307, 308) would carry the password or the refresh token along,
	// to whomever it names. The server makes none.
	strict := *c.http
	strict.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &strict
	return c, nil
}

func local(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1" || strings.HasSuffix(host, ".localhost")
}

// SignIn begins a session. login is a username or an email address. A session
// that the storage holds is replaced, not ended.
func (c *Client) SignIn(ctx context.Context, login, password string) error {
	name := "username"
	if strings.Contains(login, "@") {
		name = "email"
	}
	answer, err := c.post(ctx, "/api/auth/signin", map[string]string{name: login, "password": password, "delivery": "body"}, "")
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if err := c.storage.Save(ctx, held(answer.RefreshToken)); err != nil {
		return fmt.Errorf("keep the session: %w", err)
	}
	c.adopt(answer)
	return nil
}

// SignOut ends the session and forgets it. If the server cannot be reached the
// session is forgotten here all the same, and the error says that it lives on there.
func (c *Client) SignOut(ctx context.Context) error {
	credentials, err := c.storage.Load(ctx)
	if err != nil {
		return fmt.Errorf("find the session: %w", err)
	}
	c.forget()
	if _, err := c.storage.Replace(ctx, credentials, Credentials{}); err != nil {
		return fmt.Errorf("forget the session: %w", err)
	}
	if credentials.RefreshToken == "" {
		return nil
	}
	if _, err := c.post(ctx, "/api/auth/signout", map[string]string{"refreshToken": credentials.RefreshToken}, ""); err != nil && !errors.Is(err, ErrSignedOut) {
		return fmt.Errorf("end the session at the server: %w", err)
	}
	return nil
}

// Token returns an access token that is good for a while yet, refreshing if need
// be. However many call it at once, one refresh is sent. It fails with
// ErrSignedOut if the session has ended; other failures pass.
func (c *Client) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	now := c.now()
	if c.access != "" && now.Before(c.renewAt) {
		defer c.mu.Unlock()
		return c.access, nil
	}
	still := ""
	if c.access != "" && now.Before(c.expires) {
		still = c.access
	}
	c.mu.Unlock()

	token, err := c.renew(ctx, still)
	if err != nil && still != "" && !errors.Is(err, ErrSignedOut) {
		return still, nil // ahead of need: what passes does not matter yet
	}
	return token, err
}

// renew refreshes, or waits for the refresh that is under way. A caller that held
// an access token which a refresh has replaced meanwhile gets the new one.
func (c *Client) renew(ctx context.Context, held string) (string, error) {
	c.mu.Lock()
	if c.access != "" && c.access != held && c.now().Before(c.renewAt) {
		defer c.mu.Unlock()
		return c.access, nil
	}
	f := c.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flight = f
		// Whoever asked first may give up; the others, and the token, must not
		// suffer. It ends by itself: see refresh.
		go func() {
			f.token, f.err = c.refresh(context.WithoutCancel(ctx))
			c.mu.Lock()
			c.flight = nil
			c.mu.Unlock()
			close(f.done)
		}()
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// adopt takes the access token of an answer.
func (c *Client) adopt(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	life := time.Duration(a.ExpiresIn) * time.Second
	c.access, c.expires = a.AccessToken, now.Add(life)
	// A tenth of its life before the end, at most a minute: time for a request
	// to arrive, and for a refresh that fails to be tried again.
	c.renewAt = c.expires.Add(-min(life/10, time.Minute))
}

func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.access = ""
}

// held is a token that was just received, with the key of the refresh that will
// present it.
func held(refreshToken string) Credentials {
	return Credentials{RefreshToken: refreshToken, RequestKey: rand.Text()}
}
