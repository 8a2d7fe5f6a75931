package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Verifier checks the access tokens of one issuer for one audience. It is safe
// for concurrent use.
type Verifier struct {
	settings
	issuer, audience string
	cache            *cache
	headers          atomic.Pointer[map[string]header] // by their encoding; see header

	remote *remoteKeys // nil with WithKeys
	feed   *follower   // nil if none is followed
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Skew is how far the clocks of the issuer and of a resource server may differ:
// a token issued further in the future is refused.
const Skew = time.Minute

// New makes a verifier of the access tokens that issuer issues for audience;
// both are compared byte by byte with the claims iss and aud.
//
// Unless WithKeys gives them, the issuer's keys are found through its metadata,
// and its revocations are followed if the metadata name a feed. New waits for
// both, for a bounded time. It fails if what the issuer says shows that the
// configuration is wrong; an issuer that cannot be reached is no error: the
// verifier refuses every token with ErrKeysUnavailable until the issuer comes up.
//
// The context bounds the start alone. The work in the background ends with Close.
func New(ctx context.Context, issuer, audience string, options ...Option) (*Verifier, error) {
	v := &Verifier{settings: defaults(), issuer: issuer, audience: audience}
	for _, option := range options {
		option(&v.settings)
	}
	if issuer == "" || audience == "" {
		return nil, errors.New("verify: issuer and audience must be given: the access tokens' iss and aud")
	}
	if err := v.settings.check(); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v.cache = newCache(v.cacheSize)
	if err := v.start(ctx); err != nil {
		v.Close()
		return nil, fmt.Errorf("verify: %w", err)
	}
	return v, nil
}

// start begins the work in the background, if there is any, and waits for its
// first results.
func (v *Verifier) start(ctx context.Context) error {
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel = cancel
	fetch := newFetcher(v.client, v.plainHTTP)
	if v.keys == nil {
		if err := fetch.allow(v.issuer); err != nil {
			return fmt.Errorf("the issuer: %w", err)
		}
		v.remote = &remoteKeys{
			fetch: fetch, issuer: v.issuer, now: v.now, log: v.log,
			stop: stop, work: &v.work, spoke: make(chan struct{}),
		}
		v.keys = v.remote
		v.work.Go(v.remote.follow)
	}
	if v.revocations == nil && !v.noFeed && (v.remote != nil || v.feedGiven) {
		v.feed = newFollower(v.feedSettings, v.now())
		v.feed.issuer, v.feed.keys, v.feed.fetch, v.feed.now, v.feed.log, v.feed.stop = v.issuer, v.keys, fetch, v.now, v.log, stop
		v.feed.after, v.feed.announced = v.found(), v.announced
		if v.feed.URL != "" {
			if err := fetch.allow(v.feed.URL); err != nil {
				return fmt.Errorf("the feed: %w", err)
			}
		}
		v.work.Go(v.feed.follow)
		v.work.Go(func() { v.feed.watch(v.Status) })
	}
	if v.remote != nil {
		if err := await(ctx, v.remote.spoke, v.startWait); err != nil {
			return fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
		}
		if v.remote.published.Load() == nil {
			if err := v.remote.failure(); final(err) {
				return fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
			}
			v.log.Warn("the issuer cannot be reached; tokens are refused until it is", "issuer", v.issuer)
			return nil
		}
	}
	if v.feed != nil {
		return await(ctx, v.feed.spoke, v.feed.StartWait)
	}
	return nil
}

// await waits for a bounded time; only the context's end is an error.
func await(ctx context.Context, done <-chan struct{}, longest time.Duration) error {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// found is closed when announced can tell.
func (v *Verifier) found() <-chan struct{} {
	if v.remote != nil {
		return v.remote.spoke
	}
	known := make(chan struct{})
	close(known)
	return known
}

// announced is the feed's URL by the issuer's metadata. Whoever asked for a feed
// gets the usual one where they name none.
func (v *Verifier) announced() (string, error) {
	usual := strings.TrimSuffix(v.issuer, "/") + FeedPath
	if v.remote == nil {
		return usual, nil
	}
	m := v.remote.found.Load()
	switch {
	case m == nil:
		return "", ErrKeysUnavailable
	case m.revocations != "":
		return m.revocations, nil
	case v.feedGiven:
		return usual, nil
	}
	return "", errNoFeed
}

// Close ends the work in the background and waits for it. Tokens can still be
// verified with the keys and revocations that are known.
func (v *Verifier) Close() error {
	if v.cancel != nil {
		v.cancel()
	}
	v.work.Wait()
	return nil
}

// Verify checks an access token: its form, its signature, its type, issuer,
// audience and times, and that it was not revoked. The claims are shared by all
// who present the token: read them, do not change them.
func (v *Verifier) Verify(ctx context.Context, accessToken string) (*Claims, error) {
	now := v.now()
	if t := v.cache.get(accessToken); t != nil {
		// Asking again makes a key that was withdrawn take its tokens along.
		if _, err := v.keys.Key(ctx, t.keyID); err != nil {
			return nil, keyError(err, t.keyID)
		}
		return v.admit(ctx, t, accessToken, now)
	}
	t, err := v.open(ctx, accessToken, now)
	if err != nil {
		return nil, err
	}
	v.cache.put(accessToken, t)
	return v.admit(ctx, t, accessToken, now)
}

// admit judges what may change while a token lives.
func (v *Verifier) admit(ctx context.Context, t *token, accessToken string, now time.Time) (*Claims, error) {
	if !now.Before(t.until) {
		return nil, ErrExpired
	}
	switch {
	case v.feed != nil:
		if err := v.feed.check(ctx, t, accessToken, now); err != nil {
			return nil, err
		}
	case v.revocations != nil:
		if t.claims.SessionID != "" && v.revocations.Revoked(t.claims.SessionID) {
			return nil, ErrRevoked
		}
		if v.revocations.Stale(t.claims.Subject, t.claims.Epoch) {
			return nil, ErrStale
		}
	}
	return &t.claims, nil
}

// open does all that is done once for a token: the signature before the claims.
func (v *Verifier) open(ctx context.Context, accessToken string, now time.Time) (*token, error) {
	if len(accessToken) > maxToken {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxToken)
	}
	s, err := split(accessToken)
	if err != nil {
		return nil, err
	}
	h, interned := v.header(s.header)
	if !interned {
		if h, err = s.parseHeader(); err != nil {
			return nil, err
		}
	}
	if !h.accessToken() {
		return nil, ErrType
	}
	key, err := v.keys.Key(ctx, h.keyID)
	if err != nil {
		return nil, keyError(err, h.keyID)
	}
	if err := s.verify(h, key); err != nil {
		return nil, err
	}
	if !interned {
		v.intern(s.header, h)
	}

	payload, err := s.decodePayload()
	if err != nil {
		return nil, err
	}
	t := &token{keyID: h.keyID}
	at, err := t.parse(payload)
	if err != nil {
		return nil, err
	}
	if err := v.judge(t, at, now); err != nil {
		return nil, err
	}
	if v.feed != nil {
		t.session, t.user = digestOfSession(t.claims.SessionID), digestOfUser(t.claims.Subject)
	}
	return t, nil
}

// judge decides about claims whose signature is right.
func (v *Verifier) judge(t *token, at instants, now time.Time) error {
	c := &t.claims
	latest := now.Add(Skew).Unix()
	switch {
	case c.Issuer != v.issuer:
		return ErrIssuer
	case !slices.Contains(c.Audience, v.audience):
		return ErrAudience
	case at.iat > latest || at.nbf > latest:
		return ErrNotYet
	case at.exp <= at.iat || at.exp-at.iat > int64(v.maxTTL/time.Second):
		return fmt.Errorf("%w: %d s", ErrLifetime, at.exp-at.iat)
	}
	if t.until = c.Expiry.Add(v.leeway); !now.Before(t.until) {
		return ErrExpired
	}
	return nil
}

// keyError names the key; what is not ErrUnknownKey means that no key can be had.
func keyError(err error, id string) error {
	if errors.Is(err, ErrUnknownKey) {
		return fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	if errors.Is(err, ErrKeysUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
}

// maxHeaders bounds the headers that are remembered. An issuer has one for each key.
const maxHeaders = 32

// header returns a header that was parsed before. As only those of tokens with a
// right signature are remembered, nobody else can fill the memory.
func (v *Verifier) header(encoded string) (header, bool) {
	known := v.headers.Load()
	if known == nil {
		return header{}, false
	}
	h, ok := (*known)[encoded]
	return h, ok
}

// intern remembers a header. Losing a race costs parsing it again.
func (v *Verifier) intern(encoded string, h header) {
	before := v.headers.Load()
	after := map[string]header{}
	if before != nil && len(*before) < maxHeaders {
		for e, h := range *before {
			after[e] = h
		}
	}
	after[string([]byte(encoded))] = h
	v.headers.CompareAndSwap(before, &after)
}
