package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How often keys are fetched.
const (
	defaultMaxAge = 5 * time.Minute  // of a key set that does not say
	minMaxAge     = 30 * time.Second // however short the issuer says
	maxMaxAge     = 24 * time.Hour   // however long
	coolDown      = 5 * time.Second  // between two fetches for unknown key ids
	minRetry      = time.Second      // after a fetch that failed, doubling
	maxRetry      = 30 * time.Second
)

// remoteKeys are the keys that the issuer publishes. They are fetched before
// their max-age passes, and once more when a token names a key that is not among
// them. While the issuer cannot be reached the known keys stay.
type remoteKeys struct {
	fetch  *fetcher
	issuer string
	now    func() time.Time
	log    *slog.Logger
	stop   context.Context // ends with the verifier
	work   *sync.WaitGroup

	found     atomic.Pointer[metadata] // nil until discovered
	doubted   bool                     // the metadata did not lead to keys; only for load
	refused   string                   // why keys were passed over, as last logged; only for load
	published atomic.Pointer[published]
	spoke     chan struct{} // closed when the first fetch ended well, or cannot ever

	mu       sync.Mutex
	asked    time.Time // when an unknown key id last made it fetch
	inflight *attempt
	last     *attempt // that has ended
}

// published is a key set with its use-by date.
type published struct {
	keys    map[string]Key
	fetched time.Time
	maxAge  time.Duration
}

// attempt is one fetch, which all who want it share.
type attempt struct {
	done chan struct{}
	err  error // after done
}

// Key implements KeySet.
func (k *remoteKeys) Key(ctx context.Context, id string) (Key, error) {
	if p := k.published.Load(); p != nil {
		if key, ok := p.keys[id]; ok {
			return key, nil
		}
	}
	a := k.ask()
	select {
	case <-a.done:
	case <-ctx.Done():
		return Key{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, ctx.Err())
	}
	if p := k.published.Load(); p != nil {
		if key, ok := p.keys[id]; ok {
			return key, nil
		}
	}
	if a.err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, a.err)
	}
	return Key{}, ErrUnknownKey
}

// ask returns a fetch for a key id that is not known. Whoever floods the verifier
// with such ids causes one fetch in each cool-down; all others get the last one.
func (k *remoteKeys) ask() *attempt {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); k.last == nil || now.Sub(k.asked) >= coolDown || now.Before(k.asked) {
		k.asked = now
		return k.begin()
	}
	if k.inflight != nil {
		return k.inflight
	}
	return k.last
}

// refresh returns a fetch that is under way or begins now.
func (k *remoteKeys) refresh() *attempt {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.begin()
}

// begin does that with the lock held.
func (k *remoteKeys) begin() *attempt {
	if k.inflight != nil {
		return k.inflight
	}
	a := &attempt{done: make(chan struct{})}
	if k.stop.Err() != nil {
		a.err = errClosed
		close(a.done)
		return a
	}
	k.inflight = a
	k.work.Go(func() {
		err := k.load()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.inflight, k.last = nil, a
		a.err = err
		close(a.done)
	})
	return a
}

var errClosed = errors.New("the verifier is closed")

// load fetches the key set, and the metadata if they are not known or did not
// help the last time.
func (k *remoteKeys) load() error {
	m := k.found.Load()
	if m == nil || k.doubted {
		discovered, err := k.fetch.discover(k.stop, k.issuer)
		if err != nil {
			return err
		}
		m = &discovered
	}
	k.doubted = true
	text, header, err := k.fetch.get(k.stop, m.keys, maxDocument)
	if err != nil {
		return err
	}
	keys, skipped, err := parseKeys(text)
	if err == nil && len(keys) == 0 {
		err = errors.Join(append([]error{errNoKeys}, skipped...)...)
	}
	if err == nil && keys[0].symmetric() {
		err = errors.New("a secret among public keys: it is lost, replace it")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errContradiction, m.keys, err)
	}
	if why := errors.Join(skipped...); why != nil && why.Error() != k.refused {
		k.refused = why.Error()
		k.log.Warn("some of the issuer's keys are not used", "issuer", k.issuer, "error", why)
	}
	p := &published{keys: make(map[string]Key, len(keys)), fetched: k.now(), maxAge: maxAge(header)}
	for _, key := range keys {
		p.keys[key.ID] = key
	}
	k.doubted = false
	k.found.Store(m)
	k.published.Store(p)
	return nil
}

// maxAge is how long a key set may be used, by RFC 9111 section 5.2.2.1.
func maxAge(header http.Header) time.Duration {
	for directive := range strings.SplitSeq(header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			continue
		}
		age, _ := strconv.ParseUint(header.Get("Age"), 10, 31)
		return min(max(time.Duration(seconds)*time.Second-time.Duration(age)*time.Second, minMaxAge), maxMaxAge)
	}
	return defaultMaxAge
}

// follow fetches the keys at once and then whenever they near their max-age. It
// returns when the verifier is closed, or when what the issuer says first shows
// that it never can serve.
func (k *remoteKeys) follow() {
	retry := minRetry
	for first := true; ; {
		a := k.refresh()
		<-a.done
		if k.stop.Err() != nil {
			return
		}
		var wait time.Duration
		switch {
		case a.err == nil:
			if first {
				close(k.spoke)
				first = false
			}
			if retry > minRetry {
				k.log.Info("the issuer's keys are available again", "issuer", k.issuer)
			}
			retry = minRetry
			// A quarter of the max-age is left for retries, and not everybody asks at once.
			wait = k.published.Load().maxAge / 4 * 3
			wait -= rand.N(wait / 10)
		case first && final(a.err):
			close(k.spoke)
			return
		default:
			if retry == minRetry {
				k.log.Warn("cannot fetch the issuer's keys; known keys stay in use", "issuer", k.issuer, "error", a.err)
			}
			wait = retry/2 + rand.N(retry/2)
			retry = min(2*retry, maxRetry)
		}
		if !sleep(k.stop, wait) {
			return
		}
	}
}

// final reports whether the error is of the kind that only a change of the
// configuration mends.
func final(err error) bool {
	var status *statusError
	return errors.Is(err, errContradiction) || errors.As(err, &status) && status.final()
}

// failure is the error of the last fetch, if it failed.
func (k *remoteKeys) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == nil {
		return nil
	}
	return k.last.err
}

// sleep waits and reports whether it was not interrupted.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
