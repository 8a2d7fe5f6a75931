package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/revocation"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/trace"
	"github.com/watchwordauth/watchword/verify"
)

// Config is what the endpoints need. All must be set but the lists and switches.
type Config struct {
	Accounts    *account.Service
	Sessions    *session.Service
	Keys        *signing.Ring
	Verifier    *verify.Verifier // with AccessToken as its token source
	Revocations *revocation.Set
	Events      audit.Store
	Metrics     *metric.Node
	Census      *metric.Census
	Tracer      *trace.Tracer   // nil: nothing is traced
	Checks      []Check         // what /readyz asks
	Closing     <-chan struct{} // ends the streams of revocations when it is closed

	Issuer         string         // the public address of this server, as the tokens' iss says it
	AllowOrigins   []string       // as ParseOrigin returns them
	CookieSameSite http.SameSite  // of the refresh cookie
	TrustedProxies []netip.Prefix // who may say where a request came from
	Clients        []Client       // the confidential clients
	Demo           bool           // the seeds' demo resources
	Pages          Pages          // answers what has no route here; nil: that is 404

	Now    func() time.Time
	Rand   io.Reader
	Logger *slog.Logger
}

// Pages answers what is no route of the API: pages for people. Handler finds who
// answers a request, as the method of http.ServeMux of this name does; an empty
// pattern means nobody.
type Pages interface {
	http.Handler
	Handler(r *http.Request) (handler http.Handler, pattern string)
}

// API answers requests. It is safe for concurrent use.
type API struct {
	api  api
	root http.Handler
}

// api is what the endpoints share.
type api struct {
	Config
	cookies  cookies
	guard    *http.CrossOriginProtection
	bulletin *bulletin
	streams  *streams
	advised  atomic.Bool // of a proxy that is not trusted
}

// New makes the handler of all routes.
func New(c Config) (*API, error) {
	a := &API{api: api{
		Config:  c,
		cookies: newCookies(c.Issuer, c.CookieSameSite, c.Now),
		guard:   http.NewCrossOriginProtection(),
		bulletin: &bulletin{
			issuer: c.Issuer, revocations: c.Revocations, sign: c.Keys.SignJWT, now: time.Now,
		},
		streams: &streams{},
	}}
	for _, client := range c.Clients {
		if err := client.check(); err != nil {
			return nil, fmt.Errorf("client %q: %w", client.ID, err)
		}
	}
	own, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, errors.New("httpapi: the issuer is not a URL")
	}
	for _, origin := range append([]string{own.Scheme + "://" + own.Host}, c.AllowOrigins...) {
		if err := a.api.guard.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	a.root = a.api.access(a.api.dispatch())
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.root.ServeHTTP(w, r) }

// Followers is how many streams of revocations are open.
func (a *API) Followers() int { return a.api.streams.count() }

// Require lets a request through to another handler only with a valid access
// token that carries one of the roles, or any valid one if none is named. The
// handler finds the claims with verify.FromContext. Everything else is answered
// as by the routes of this package.
func (a *API) Require(roles ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, err := a.api.Verifier.VerifyRequest(r)
			if err == nil {
				err = requireAny(claims, roles...)
			}
			if err != nil {
				problemOf(err).write(w)
				return
			}
			next.ServeHTTP(w, r.WithContext(verify.NewContext(r.Context(), claims)))
		})
	}
}

// handler answers a request, or returns why it did not.
type handler func(w http.ResponseWriter, r *http.Request) error

// serve runs a handler and answers its error.
func (a *api) serve(h handler, w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	p := *problemOf(err) // a copy: what is returned may be shared
	if p.Status >= http.StatusInternalServerError {
		p.RequestID = entryOf(r).id
	}
	entryOf(r).failure = &p
	p.write(w)
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // whoever is gone needs no answer
	return nil
}
