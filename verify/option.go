package verify

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Option changes what New makes.
type Option func(*settings)

// settings are what options change.
type settings struct {
	keys              KeySet
	revocations       Revocations
	feedSettings      Feed
	feedGiven, noFeed bool
	client            *http.Client
	plainHTTP         bool
	startWait         time.Duration
	log               *slog.Logger
	now               func() time.Time
	maxTTL            time.Duration
	leeway            time.Duration
	cacheSize         int
	source            func(*http.Request) (string, error)
	answer            func(http.ResponseWriter, *http.Request, error)
}

func defaults() settings {
	return settings{
		now:       time.Now,
		log:       slog.Default(),
		startWait: 5 * time.Second,
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
	case s.now == nil || s.log == nil || s.source == nil || s.answer == nil:
		return errors.New("an option was given nil")
	case bad.reason != nil:
		return bad.reason
	case s.maxTTL <= 0:
		return fmt.Errorf("the longest lifetime is %s: it must be positive", s.maxTTL)
	case s.leeway < 0 || s.leeway > maxLeeway:
		return fmt.Errorf("the leeway is %s: choose 0 to %s", s.leeway, maxLeeway)
	case s.feedGiven && s.noFeed, s.feedGiven && s.revocations != nil:
		return errors.New("WithFeed, WithoutFeed and WithRevocations exclude each other")
	}
	var err error
	s.feedSettings, err = s.feedSettings.withDefaults()
	return err
}

// WithKeys verifies with these keys, instead of those that the issuer publishes.
func WithKeys(keys KeySet) Option { return func(s *settings) { s.keys = keys } }

// WithRevocations asks this about every token, instead of the issuer's feed.
func WithRevocations(r Revocations) Option { return func(s *settings) { s.revocations = r } }

// WithFeed follows the issuer's revocations in this way, also where its metadata
// do not announce a feed.
func WithFeed(f Feed) Option { return func(s *settings) { s.feedSettings, s.feedGiven = f, true } }

// WithoutFeed does not follow revocations: tokens are good until they expire.
func WithoutFeed() Option { return func(s *settings) { s.noFeed = true } }

// WithStartWait bounds how long New waits for the issuer's keys. Default: 5 seconds.
func WithStartWait(d time.Duration) Option { return func(s *settings) { s.startWait = d } }

// WithPlainHTTP allows http:// URLs to other machines. Whoever can change packets
// on the way can then replace the keys and sign tokens of their own: it is for
// networks that are trusted whole, such as that of one docker-compose file.
// Addresses of this machine are always allowed.
func WithPlainHTTP() Option { return func(s *settings) { s.plainHTTP = true } }

// WithLogger logs there what an operator must know: that the issuer or its feed
// cannot be reached. Default: slog.Default().
func WithLogger(log *slog.Logger) Option { return func(s *settings) { s.log = log } }

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
