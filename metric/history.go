package metric

import (
	"sync"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// Interval is how long the time is that one Point tells of, and Kept how many
// are kept: an hour.
const (
	Interval = 10 * time.Second
	Kept     = 360
)

// Tally is what was counted in some time.
type Tally struct {
	SignIns        uint64 // that succeeded
	SignInFailures uint64 // of a wrong name or password, or of a blocked user
	Throttled      uint64 // sign-ins not tried, after too many failures
	Refreshes      [session.Ahead + 1]uint64
	Heals          uint64
	SessionsEnded  uint64 // by somebody, not by time

	stores spread // of the verbs that sign-ins and refreshes wait for
}

// since is what was counted after an earlier Tally.
func (t Tally) since(earlier Tally) Tally {
	t.SignIns -= earlier.SignIns
	t.SignInFailures -= earlier.SignInFailures
	t.Throttled -= earlier.Throttled
	for kind := range t.Refreshes {
		t.Refreshes[kind] -= earlier.Refreshes[kind]
	}
	t.Heals -= earlier.Heals
	t.SessionsEnded -= earlier.SessionsEnded
	t.stores = t.stores.since(earlier.stores)
	return t
}

// StoreTook estimates how long a share q of the calls to the stores took at
// most, of those that sign-ins and refreshes wait for; zero if there were none.
func (t Tally) StoreTook(q float64) time.Duration { return t.stores.quantile(q) }

// Point is an interval: what was counted in it, and how things stood at its end.
type Point struct {
	At time.Time // the end
	Tally
	ActiveSessions int // in the whole installation, when they were counted last
	Hashing        Queue
}

// Queue is how things stand with the hashing of passwords.
type Queue struct{ Running, Waiting int }

// history is the last points, in a ring.
type history struct {
	mu     sync.Mutex
	points [Kept]Point
	n      int   // how many there were
	before Tally // at the end of the last
}

// Started is when the counting began.
func (n *Node) Started() time.Time { return n.started }

// Totals is what was counted since the start.
func (n *Node) Totals() Tally {
	t := Tally{
		SignIns:        n.signIns.of(success).Load(),
		SignInFailures: n.signIns.of(credentials).Load() + n.signIns.of(blocked).Load(),
		Throttled:      n.signIns.of(throttled).Load(),
		Heals:          n.heals.Load(),
		SessionsEnded:  n.ended.total(),
	}
	for kind := range n.refreshes {
		t.Refreshes[kind] = n.refreshes[kind].Load()
	}
	for _, v := range n.stores.awaited() {
		v.took.load(&t.stores)
	}
	return t
}

// Sample ends an interval. It is called every Interval, with the time and the
// number of live sessions as it was counted last.
func (n *Node) Sample(at time.Time, sessions int) {
	h := &n.history
	h.mu.Lock()
	defer h.mu.Unlock()
	totals := n.Totals()
	h.points[h.n%Kept] = Point{
		At: at, Tally: totals.since(h.before), ActiveSessions: sessions,
		Hashing: Queue{Running: n.hashing.Running(), Waiting: n.hashing.Waiting()},
	}
	h.before = totals
	h.n++
}

// History is the points of the last hour, the oldest first.
func (n *Node) History() []Point {
	h := &n.history
	h.mu.Lock()
	defer h.mu.Unlock()
	first := max(0, h.n-Kept)
	points := make([]Point, 0, h.n-first)
	for i := first; i < h.n; i++ {
		points = append(points, h.points[i%Kept])
	}
	return points
}
