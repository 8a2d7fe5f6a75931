package metric

import (
	"slices"
	"sync/atomic"
	"time"
)

// Counter counts up. The zero value is ready; it is safe for concurrent use.
type Counter struct{ n atomic.Uint64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds as many.
func (c *Counter) Add(n int) { c.n.Add(uint64(n)) }

// Load is the count since the start.
func (c *Counter) Load() uint64 { return c.n.Load() }

// durations are the upper bounds of the buckets that durations fall into: from
// what a look-up in memory takes to what nobody waits for any more.
var durations = []time.Duration{
	20 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// buckets is how many there are: one for each bound, and one for what is beyond.
const buckets = 18 + 1

// Histogram counts durations by their length. The zero value is ready; it is
// safe for concurrent use, and observing allocates nothing.
type Histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Int64 // ns
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	// Most calls are short, so that a search from below finds its bucket first.
	i := 0
	for i < len(durations) && d > durations[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// spread is how many durations fell into each bucket.
type spread [buckets]uint64

// load adds what was observed since the start.
func (h *Histogram) load(into *spread) {
	for i := range h.counts {
		into[i] += h.counts[i].Load()
	}
}

// since is what was added after an earlier reading.
func (s spread) since(earlier spread) spread {
	for i := range s {
		s[i] -= earlier[i]
	}
	return s
}

// quantile estimates below what a share q of the durations lies: it is exact to
// the bucket and interpolated within, as Prometheus does it. Without any it is
// zero; beyond the last bound it is that bound.
func (s spread) quantile(q float64) time.Duration {
	var total uint64
	for _, n := range s {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank, seen := q*float64(total), 0.0
	for i, n := range s {
		if n == 0 || seen+float64(n) < rank {
			seen += float64(n)
			continue
		}
		if i == len(durations) {
			break
		}
		low := time.Duration(0)
		if i > 0 {
			low = durations[i-1]
		}
		return low + time.Duration(float64(durations[i]-low)*(rank-seen)/float64(n))
	}
	return durations[len(durations)-1]
}

// named is counters by a word of the domain. What is none of the words is
// counted as other, so that there is never a label that nobody foresaw.
type named[K comparable] struct {
	words    []K
	counters map[K]*Counter
	other    *Counter
}

func newNamed[K comparable](words []K, other K) named[K] {
	n := named[K]{words: append(slices.Clone(words), other), counters: make(map[K]*Counter)}
	for _, word := range n.words {
		n.counters[word] = &Counter{}
	}
	n.other = n.counters[other]
	return n
}

func (n named[K]) of(word K) *Counter {
	if c, known := n.counters[word]; known {
		return c
	}
	return n.other
}

func (n named[K]) total() (total uint64) {
	for _, c := range n.counters {
		total += c.Load()
	}
	return total
}
