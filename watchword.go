// Package watchword is a sign-in server for your own program: users, sessions with
// refresh tokens that are replaced at every use, access tokens that resource
// servers check on their own, and revocation that reaches them.
//
//	server, err := watchword.New(ctx, watchword.Config{…})
//	http.Handle("/", server)                                  // the HTTP API, and the pages
//	http.Handle("/orders", server.Require("user")(orders))    // your own handlers
//
// It owns the wiring, and the work in the background: following revocations,
// maintaining keys, forgetting what is old. What is wired is in the packages
// account, session, signing, revocation, audit and httpapi; stores are under store.
// A program that only checks access tokens needs the package verify alone.
package watchword

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/revocation"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/webui"
)

// Server is a sign-in server: an http.Handler, a guard for other handlers, and the
// services behind both. It is safe for concurrent use.
type Server struct {
	config      Config
	accounts    *account.Service
	sessions    *session.Service
	keys        *signing.Ring
	revocations *revocation.Set
	verifier    *verify.Verifier
	api         *httpapi.API
	metrics     *metric.Node
	census      *metric.Census

	beneath   store.Set // the stores without the journal
	writables []writable

	closing chan struct{} // closed when streams shall end
	drain   sync.Once
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// New makes a Server: it checks the configuration, makes or loads the keys, loads
// the revocations, and starts the work in the background, which Close ends. The
// context bounds the start only.
func New(ctx context.Context, c Config) (*Server, error) {
	c, err := c.settle()
	if err != nil {
		return nil, err
	}
	master, err := c.master()
	if err != nil {
		return nil, err
	}
	tokens, err := c.tokenKeys(master)
	if err != nil {
		return nil, err
	}
	hasher := password.New(password.Config{Rand: c.Rand})
	writables := writables(c.Store)
	node := metric.New(c.Now(), hasher, c.Store)
	c.Store = node.Stores()
	if err := c.reopen(ctx); err != nil {
		return nil, err
	}
	s := &Server{config: c, metrics: node, census: node.NewCensus(c.Now), writables: writables, closing: make(chan struct{})}
	if err := s.record(ctx); err != nil {
		return nil, err
	}
	c = s.config

	s.keys, err = signing.Open(ctx, signing.Config{
		Store: c.Store.Keys, Master: master, Algorithm: c.Algorithm, Secret: c.sharedSecret(),
		AccessTTL: c.Policy.AccessTTL, Events: c.Store.Events, Now: c.Now, Rand: c.Rand, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	s.revocations = revocation.New(c.Store.Sessions, c.Store.Users, c.Policy.AccessTTL, c.incarnation(master), c.Now, c.Logger)
	if err := s.revocations.Load(ctx); err != nil {
		return nil, err
	}
	s.sessions, err = session.New(session.Config{
		Store: c.Store.Sessions, Users: c.Store.Users, Minter: s.keys, Tokens: tokens, Events: c.Store.Events,
		Policy: c.Policy, Issuer: c.Issuer, Audience: c.Audience,
		Announce: s.revocations.SessionEnded, Observe: s.observe, Now: c.Now, Rand: c.Rand, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	s.accounts, err = account.New(account.Config{
		Store: c.Store.Users, Sessions: ender{s.sessions}, Events: c.Store.Events,
		ResetKeys: c.resetKeys(master),
		Roles:     c.Roles, SignupOpen: !c.SignupClosed,
		Announce: s.revocations.EpochRaised, Observe: node.SignedIn, Hasher: hasher, Now: c.Now, Rand: c.Rand, Logger: c.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.verifier, err = verify.New(ctx, c.Issuer, c.Audience,
		verify.WithKeys(s.keys), verify.WithRevocations(s.revocations), verify.WithTokenSource(httpapi.AccessToken),
		verify.WithMaxTTL(c.Policy.AccessTTL), // a revocation is remembered for no longer
		verify.WithLeeway(0), verify.WithNow(c.Now),
	)
	if err != nil {
		return nil, err
	}
	var pages httpapi.Pages
	if !c.PagesOff {
		pages, err = webui.New(webui.Config{
			API: s, Issuer: c.Issuer, AllowOrigins: c.AllowOrigins, SignupClosed: c.SignupClosed,
			Brand: c.Brand, Texts: c.Texts, Logger: c.Logger,
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	s.api, err = httpapi.New(httpapi.Config{
		Accounts: s.accounts, Sessions: s.sessions, Keys: s.keys, Verifier: s.verifier,
		Revocations: s.revocations, Events: c.Store.Events, Metrics: node, Census: s.census, Tracer: c.Tracer, Checks: s.checks(), Closing: s.closing,
		Issuer: c.Issuer, AllowOrigins: c.AllowOrigins, CookieSameSite: c.CookieSameSite,
		TrustedProxies: c.TrustedProxies, Clients: c.Clients, Demo: c.Demo, Pages: pages,
		Now: c.Now, Rand: c.Rand, Logger: c.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.start()
	return s, nil
}

// ServeHTTP implements http.Handler: it answers the HTTP API, which openapi.yaml
// in package httpapi describes, and the pages of package webui. The http.Server around it should bound the
// reading of headers; bodies and answers are bounded here.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) }

// Require lets a request through to a handler only with a valid access token
// that carries one of the roles; any valid one will do if none is named. The
// handler finds the claims with verify.FromContext. Revoked and stale tokens are
// refused at once.
func (s *Server) Require(roles ...string) func(http.Handler) http.Handler {
	return s.api.Require(roles...)
}

// Accounts is the users: to create the first administrator, for example.
func (s *Server) Accounts() *account.Service { return s.accounts }

// Sessions is who is signed in.
func (s *Server) Sessions() *session.Service { return s.sessions }

// Keys is the keys that sign access tokens.
func (s *Server) Keys() *signing.Ring { return s.keys }

// Verifier checks access tokens, for what Require does not fit.
func (s *Server) Verifier() *verify.Verifier { return s.verifier }
