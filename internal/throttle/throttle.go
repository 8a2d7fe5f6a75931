// Package throttle bounds how often somebody may fail: guess a password for one
// account, guess from one address, sign up again and again.
//
// Each key has a bucket of attempts that refills with time. An attempt that
// fails is spent; one that passes is given back, and may forgive the failures
// before it. Nobody is locked for ever: a full bucket's worth of waiting is the
// longest that any number of failures costs.
//
//	Enter ──┬── the bucket is empty ───────────────► *Limited: come back later
//	        ├── what is left is taken by attempts
//	        │   whose outcome is not known yet ────► wait for one of them
//	        └── otherwise ─────────────────────────► Attempt ── Failed | Passed | Forgiven
//
// Attempts under way count as failures until they are over. So a thousand
// guesses sent at once are no more than a thousand sent one after the other, and
// yet a thousand right passwords sent at once are never refused.
//
// Memory is bounded. When there is no room for another key, buckets that are
// full again go first: they say nothing. If every bucket says something, one of
// the least empty goes, and what it said is kept in one of a fixed number of
// shared buckets, which a key that returns takes over. So flooding the throttle
// with keys never empties anybody's account of failures; at worst a key starts
// with failures that were another's.
//
// The package counts. What a key stands for, and what is a failure, is its
// user's to say.
package throttle

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// Limit says how many attempts may fail.
type Limit struct {
	Burst int           // how many at once
	Every time.Duration // how long until one more may
}

// Config is what a Throttle needs. Limit must be set.
type Config struct {
	Limit    Limit
	Capacity int              // how many keys are told apart; default: 65,536, about 9 MB
	Now      func() time.Time // default: time.Now
}

// Throttle bounds failures by key. It is safe for concurrent use.
type Throttle struct {
	limit    Limit
	capacity int
	now      func() time.Time

	mu      sync.Mutex
	buckets map[digest]*bucket
	shared  [sharedBuckets]time.Time // what evicted buckets said, by digest
}

// longest is the longest wait that a full bucket may mean.
const longest = 100 * 365 * 24 * time.Hour

// digest stands for a key, so that a long key costs no more than a short one.
type digest [16]byte

func digestOf(key string) digest {
	sum := sha256.Sum256([]byte(key))
	return digest(sum[:16])
}

// sharedBuckets is how many buckets keep what evicted ones said.
const sharedBuckets = 4096

// bucket is the attempts of one key. The failures not yet forgotten are told by
// one moment: the one at which the last of them will be.
type bucket struct {
	clear   time.Time     // when all failures are forgotten
	pending int           // attempts whose outcome is not known
	waiting int           // callers that wait for changed
	changed chan struct{} // closed when an attempt is over; nil if nobody waits
	told    time.Time     // the refusals until then were announced
}

// New makes a Throttle. It panics if the limit lets nothing through, or for ever.
func New(c Config) *Throttle {
	if c.Limit.Burst < 1 || c.Limit.Every <= 0 || time.Duration(c.Limit.Burst) > longest/c.Limit.Every {
		panic(fmt.Sprintf("throttle: a burst of %d every %v is no limit", c.Limit.Burst, c.Limit.Every))
	}
	if c.Capacity <= 0 {
		c.Capacity = 65_536
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Throttle{limit: c.Limit, capacity: c.Capacity, now: c.Now, buckets: make(map[digest]*bucket)}
}

// Limited is the error of an attempt that comes too soon.
type Limited struct {
	After time.Duration // how long until one more may be made; never zero
	First bool          // nobody was told so since the bucket ran empty
}

// Error implements error.
func (l *Limited) Error() string {
	return fmt.Sprintf("too many failures: try again in %v", l.After.Round(time.Second))
}

// Outcome is how an attempt ended.
type Outcome int

// The outcomes. The zero value is none of them.
const (
	Failed   Outcome = iota + 1 // it is spent
	Passed                      // it is given back: it passed, or nobody could say
	Forgiven                    // it passed, and the failures before it are forgotten
)

// Attempt is one that was let through. Its Leave must be called, once.
type Attempt struct {
	throttle *Throttle
	bucket   *bucket
}

// Enter lets an attempt through, or fails with a *Limited. It waits while the
// outcome of others under way decides which, but no longer than ctx.
func (t *Throttle) Enter(ctx context.Context, key string) (*Attempt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucket(digestOf(key))
	for {
		now := t.now()
		failures := t.failures(b, now)
		if failures+b.pending < t.limit.Burst {
			b.pending++
			return &Attempt{t, b}, nil
		}
		if b.pending == 0 {
			return nil, t.refuse(b, now)
		}
		if err := t.wait(ctx, b); err != nil {
			return nil, fmt.Errorf("wait for other attempts: %w", err)
		}
	}
}

// Leave says how the attempt ended.
func (a *Attempt) Leave(o Outcome) {
	t, b := a.throttle, a.bucket
	t.mu.Lock()
	defer t.mu.Unlock()
	b.pending--
	now := t.now()
	switch o {
	case Failed:
		b.clear = t.bound(b.clear, now).Add(t.limit.Every)
	case Passed:
	case Forgiven:
		b.clear, b.told = now, time.Time{}
	default:
		panic(fmt.Sprintf("throttle: no outcome %d", o))
	}
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Len is how many keys are told apart at the moment.
func (t *Throttle) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.buckets)
}

// wait lets go of the lock until an attempt of the bucket is over.
func (t *Throttle) wait(ctx context.Context, b *bucket) error {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	changed := b.changed
	b.waiting++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		b.waiting--
	}()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuse says how long until one more attempt may be made.
func (t *Throttle) refuse(b *bucket, now time.Time) *Limited {
	first := now.After(b.told)
	b.told = b.clear
	free := b.clear.Add(-time.Duration(t.limit.Burst-1) * t.limit.Every)
	return &Limited{After: max(free.Sub(now), time.Millisecond), First: first}
}

// failures is how many are not forgotten yet, a part of one counting as one.
func (t *Throttle) failures(b *bucket, now time.Time) int {
	b.clear = t.bound(b.clear, now)
	return int((b.clear.Sub(now) + t.limit.Every - 1) / t.limit.Every)
}

// bound keeps the moment between now and a full bucket's worth of waiting, even
// if the clock was set back.
func (t *Throttle) bound(clear, now time.Time) time.Time {
	if clear.Before(now) {
		return now
	}
	if latest := now.Add(time.Duration(t.limit.Burst) * t.limit.Every); clear.After(latest) {
		return latest
	}
	return clear
}

// bucket finds the key's bucket or makes one. It is called with the lock held.
func (t *Throttle) bucket(id digest) *bucket {
	if b, ok := t.buckets[id]; ok {
		return b
	}
	if len(t.buckets) >= t.capacity {
		t.evict()
	}
	b := &bucket{clear: t.shared[id.shared()]}
	t.buckets[id] = b
	return b
}

// evict makes room: it looks at a few buckets at random, drops all that say
// nothing, or else the one that says least, which its shared bucket then says.
// A bucket in use stays, so that there may be a few more than the capacity.
func (t *Throttle) evict() {
	now := t.now()
	var least digest
	var clear time.Time
	seen, dropped := 0, false
	for id, b := range t.buckets { // the order of maps is random enough
		if seen++; seen > 16 {
			break
		}
		if b.pending > 0 || b.waiting > 0 {
			continue
		}
		if !b.clear.After(now) {
			delete(t.buckets, id)
			dropped = true
			continue
		}
		if clear.IsZero() || b.clear.Before(clear) {
			least, clear = id, b.clear
		}
	}
	if dropped || clear.IsZero() {
		return
	}
	delete(t.buckets, least)
	if said := &t.shared[least.shared()]; clear.After(*said) {
		*said = clear
	}
}

// shared is which shared bucket keeps what a bucket said.
func (d digest) shared() int { return (int(d[0])<<8 | int(d[1])) % sharedBuckets }
