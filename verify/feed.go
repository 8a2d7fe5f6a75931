package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Feed says how a verifier follows the issuer's revocations. The zero value is
// what New uses.
type Feed struct {
	// URL of the feed. Default: what the issuer's metadata say; with WithKeys,
	// which needs no metadata, FeedPath below the issuer.
	URL string

	// StartWait bounds how long New waits for the first snapshot. Default: 3 seconds.
	StartWait time.Duration

	// MaxAge is how old the newest news may be before WhenStale applies. Default:
	// 10 seconds, which is five heartbeats.
	MaxAge time.Duration

	// WhenStale says what happens to tokens then. What is known to be revoked is
	// refused whatever it says. Default: Accept.
	WhenStale Policy

	// Introspect is asked under the policy Introspect: whether the token is alive.
	// It is called for every request, so it may want to remember answers.
	Introspect func(ctx context.Context, accessToken string) (active bool, err error)

	// Notify, if set, is told when news cease and when they are back, by one
	// goroutine: raise and clear an alarm. It must return soon.
	Notify func(Status)
}

// Policy says what happens to tokens while it cannot be known whether they were
// revoked lately.
type Policy uint8

// The policies.
const (
	// Accept accepts them: they live for minutes, and an outage of the issuer does
	// not take every API down. It is said in the log and by Status.
	Accept Policy = iota
	// Reject refuses them with ErrRevocationsUnavailable.
	Reject
	// Introspect asks Feed.Introspect about each.
	Introspect
)

// withDefaults fills in what was left out and reports what cannot be meant.
func (f Feed) withDefaults() (Feed, error) {
	if f.StartWait == 0 {
		f.StartWait = 3 * time.Second
	}
	if f.MaxAge == 0 {
		f.MaxAge = 5 * HeartbeatInterval
	}
	switch {
	case f.StartWait < 0:
		return f, fmt.Errorf("the feed's StartWait is %s", f.StartWait)
	case f.MaxAge < 2*HeartbeatInterval:
		return f, fmt.Errorf("the feed's MaxAge is %s: heartbeats come every %s, so choose twice that or more", f.MaxAge, HeartbeatInterval)
	case f.WhenStale > Introspect:
		return f, fmt.Errorf("the feed has no policy %d", f.WhenStale)
	case (f.WhenStale == Introspect) != (f.Introspect != nil):
		return f, errors.New("the feed's policy Introspect and its function go together")
	}
	return f, nil
}

// follower holds what is revoked and keeps it up to date.
type follower struct {
	Feed
	issuer    string
	keys      KeySet
	fetch     *fetcher
	now       func() time.Time
	log       *slog.Logger
	stop      context.Context
	after     <-chan struct{}        // closed when announced can tell
	announced func() (string, error) // the feed's URL if Feed does not name it

	base    time.Time    // what ages are counted from
	fresh   atomic.Int64 // newest news, in nanoseconds after base; -1: never any
	revoked atomic.Pointer[revoked]
	none    atomic.Bool // the issuer has no feed

	spoke chan struct{} // closed at the first snapshot
	once  sync.Once

	mu      sync.Mutex
	asOf    int64         // of the newest document, in milliseconds
	lead    time.Duration // as_of minus the elapsed time, of the document that came fastest
	taken   time.Duration // when the newest came
	failure error
	stale   bool // as last notified
}

// revoked is what is known at one time. It is never changed, only replaced.
type revoked struct {
	version     uint64 // grows whenever an entry is added
	incarnation string
	set         string
	window      time.Duration
	sessions    map[digest]time.Time // until when the entry is kept
	users       map[digest]minimum
}

// minimum is the smallest epoch that is not stale.
type minimum struct {
	epoch uint64
	until time.Time
}

func newFollower(f Feed, base time.Time) *follower {
	follower := &follower{Feed: f, base: base, spoke: make(chan struct{})}
	follower.fresh.Store(-1)
	follower.revoked.Store(&revoked{})
	return follower
}

// check judges a token, in nanoseconds where nothing has changed.
func (f *follower) check(ctx context.Context, t *token, accessToken string, now time.Time) error {
	known := f.revoked.Load()
	if t.cleared.Load() != known.version+1 {
		if err := known.check(t); err != nil {
			return err
		}
		t.cleared.Store(known.version + 1)
	}
	if f.isFresh(now) {
		return nil
	}
	return f.judgeStale(ctx, accessToken)
}

// check judges a token by the entries.
func (k *revoked) check(t *token) error {
	c := &t.claims
	if k.window > 0 && c.Expiry.Sub(c.IssuedAt) > k.window {
		return fmt.Errorf("%w: %s, and its revocation would be forgotten after %s", ErrLifetime, c.Expiry.Sub(c.IssuedAt), k.window)
	}
	if _, ok := k.sessions[t.session]; ok {
		return ErrRevoked
	}
	if c.Epoch < k.users[t.user].epoch {
		return ErrStale
	}
	return nil
}

// isFresh reports whether there were news lately.
func (f *follower) isFresh(now time.Time) bool {
	fresh := f.fresh.Load()
	return fresh >= 0 && now.Sub(f.base)-time.Duration(fresh) <= f.MaxAge
}

// judgeStale applies the policy.
func (f *follower) judgeStale(ctx context.Context, accessToken string) error {
	switch f.WhenStale {
	case Reject:
		return ErrRevocationsUnavailable
	case Introspect:
		active, err := f.Introspect(ctx, accessToken)
		if err != nil {
			return fmt.Errorf("%w: introspect: %w", ErrRevocationsUnavailable, err)
		}
		if !active {
			return ErrRevoked
		}
	}
	return nil
}

// nodesApart is how much older than another's the state of a node may be, as each
// reads the store in its own rhythm and by its own clock. What it says is united with
// what is held and un-revokes nobody.
const nodesApart = time.Second

// errBehind says that a heartbeat vouches for entries that are not held.
var errBehind = errors.New("the heartbeat is of entries that are not held")

// errNoNews says that what comes is only ever what was known.
var errNoNews = errors.New("the feed repeats itself: something on the way answers from its memory")

// take checks a document and unites it with what is held. polled says that it
// answers a request, so that it is new: what a stream brings may have been held
// back on the way.
func (f *follower) take(ctx context.Context, jws string, polled bool) error {
	d, err := f.open(ctx, jws)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if ahead := time.UnixMilli(d.AsOf).Sub(now); ahead > Skew || ahead < -Skew-f.MaxAge {
		return fmt.Errorf("as of %s, which is %s from now: a replay, or clocks that differ", time.UnixMilli(d.AsOf).UTC().Format(time.RFC3339), ahead.Round(time.Second))
	}
	held := f.revoked.Load()
	switch {
	case d.AsOf < f.asOf-nodesApart.Milliseconds():
		return fmt.Errorf("as of %d ms before the one that is held: a replay", f.asOf-d.AsOf)
	case !d.Full && d.Set != held.set:
		return errBehind
	case d.Full:
		if d.Incarnation != held.incarnation && held.incarnation != "" {
			f.log.Warn("the issuer was restored or replaced; what was revoked before stays revoked", "issuer", f.issuer)
		}
		f.revoked.Store(held.unite(d, now))
	}
	// The same again, or what another node knew a moment before, is no news: else
	// something on the way that answers from its memory would keep it fresh.
	if d.AsOf <= f.asOf {
		if !f.isFresh(now) {
			return errNoNews
		}
		return nil
	}
	f.asOf = d.AsOf

	// A document is as old as it came later than the fastest one. The lead shrinks
	// a little with time, as no two clocks run alike.
	elapsed := now.Sub(f.base)
	lead := time.Duration(d.AsOf)*time.Millisecond - elapsed
	f.lead -= (elapsed - f.taken) / 1000
	f.taken = elapsed
	if polled || lead > f.lead {
		f.lead = lead
	}
	f.fresh.Store(int64(max(0, elapsed-(f.lead-lead))))
	f.once.Do(func() { close(f.spoke) })
	return nil
}

// open checks who made the document.
func (f *follower) open(ctx context.Context, jws string) (document, error) {
	s, err := split(jws)
	if err != nil {
		return document{}, err
	}
	h, err := s.parseHeader()
	if err != nil {
		return document{}, err
	}
	if !h.is(FeedType) {
		return document{}, fmt.Errorf("%w: typ is not %s", ErrMalformed, FeedType)
	}
	key, err := f.keys.Key(ctx, h.keyID)
	if err != nil {
		return document{}, keyError(err, h.keyID)
	}
	if err := s.verify(h, key); err != nil {
		return document{}, err
	}
	payload, err := s.decodePayload()
	if err != nil {
		return document{}, err
	}
	d, err := parseDocument(payload)
	if err != nil {
		return document{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if d.Issuer != f.issuer {
		return document{}, ErrIssuer
	}
	return d, nil
}

// maxWindow keeps times in the range of a Duration.
const maxWindow = 366 * 24 * time.Hour

// unite returns what is held and what the document says. Nothing is dropped
// before the tokens that it is about have expired: an issuer that was restored
// from a backup may have forgotten it.
func (k *revoked) unite(d document, now time.Time) *revoked {
	next := &revoked{
		version: k.version, incarnation: d.Incarnation, set: d.Set,
		window:   min(time.Duration(min(d.Window, lastSecond>>8))*time.Second, maxWindow),
		sessions: maps.Clone(k.sessions), users: maps.Clone(k.users),
	}
	if next.sessions == nil {
		next.sessions = make(map[digest]time.Time, len(d.Sessions))
	}
	if next.users == nil {
		next.users = make(map[digest]minimum, len(d.Users))
	}
	added := next.window != k.window
	until := now.Add(max(next.window, k.window) + FeedGrace)
	for _, id := range d.Sessions {
		if _, known := next.sessions[id]; !known {
			next.sessions[id] = until
			added = true
		}
	}
	for user, epoch := range d.Users {
		if epoch > next.users[user].epoch {
			next.users[user] = minimum{epoch, until}
			added = true
		}
	}
	if added {
		next.version++
	}
	listed := make(map[digest]bool, len(d.Sessions))
	for _, id := range d.Sessions {
		listed[id] = true
	}
	maps.DeleteFunc(next.sessions, func(id digest, until time.Time) bool { return now.After(until) && !listed[id] })
	maps.DeleteFunc(next.users, func(user digest, m minimum) bool {
		_, listed := d.Users[user]
		return now.After(m.until) && !listed
	})
	return next
}
