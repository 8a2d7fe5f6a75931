package verify

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Option changes what New makes.
type Option func(*settings)

// settings are what options change.
type settings struct {
	keys        KeySet
	revocations Revocations
	client      *http.Client
	now         func() time.Time
	maxTTL      time.Duration
	leeway      time.Duration
	cacheSize   int
	source      func(*http.Request) (string, error)
	answer      func(http.ResponseWriter, *http.Request, error)
}

func defaults() settings {
	return settings{
		now:       time.Now,
		maxTTL:    24 * time.Hour,
		leeway:    30 * time.Second,
		cacheSize: 10_000,
		source:    BearerToken,
		answer:    func(w http.ResponseWriter, _ *http.Request, err error) { Explain(err).Write(w) },
	}
}

// check reports what cannot be meant.
func (s *settings) check() error {
	var bad badKeys
	if b, ok := s.keys.(badKeys); ok {
		bad = b
	}
	switch {
	case s.keys == nil:
		return errors.New("no keys: use WithKeys")
	case bad.reason != nil:
		return bad.reason
	case s.maxTTL <= 0:
		return fmt.Errorf("the longest lifetime is %s: it must be positive", s.maxTTL)
	case s.leeway < 0 || s.leeway > Skew:
		return fmt.Errorf("the leeway is %s: choose 0 to %s", s.leeway, Skew)
	}
	return nil
}

// WithKeys verifies with these keys, instead of those that the issuer publishes.
func WithKeys(keys KeySet) Option { return func(s *settings) { s.keys = keys } }

// WithRevocations asks this about every token, instead of the issuer's feed.
func WithRevocations(r Revocations) Option { return func(s *settings) { s.revocations = r } }

// WithNow replaces the clock, time.Now.
func WithNow(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithHTTPClient fetches with this client instead of one of the package's own. Its
// Timeout and CheckRedirect are not used: the verifier has its own.
func WithHTTPClient(c *http.Client) Option { return func(s *settings) { s.client = c } }

// WithMaxTTL refuses tokens that were issued for longer than this, whatever their
// signature says. Default: 24 hours.
func WithMaxTTL(d time.Duration) Option { return func(s *settings) { s.maxTTL = d } }

// WithLeeway accepts a token for this long after it expired, as clocks differ: at
// most a minute. Default: 30 seconds.
func WithLeeway(d time.Duration) Option { return func(s *settings) { s.leeway = d } }

// WithCacheSize remembers about this many verified tokens, at 1 to 2 kB each;
// zero remembers none. Default: 10,000.
func WithCacheSize(tokens int) Option { return func(s *settings) { s.cacheSize = tokens } }

// WithTokenSource finds the access token in a request. A source returns "" if
// there is none, and wraps ErrRequest if it cannot tell. Default: BearerToken.
func WithTokenSource(source func(*http.Request) (string, error)) Option {
	return func(s *settings) { s.source = source }
}

// WithErrorHandler answers requests that the middleware does not let through. The
// error is one of this package's. Default: Explain(err).Write(w).
func WithErrorHandler(answer func(http.ResponseWriter, *http.Request, error)) Option {
	return func(s *settings) { s.answer = answer }
}
