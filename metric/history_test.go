package metric_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

// queue is a Hashing that stands still.
type queue struct{ running, waiting int }

func (q queue) Running() int    { return q.running }
func (q queue) Waiting() int    { return q.waiting }
func (q queue) Runs() uint64    { return 7 }
func (q queue) Refused() uint64 { return 2 }

var start = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func TestAPointTellsOfItsIntervalAlone(t *testing.T) {
	t.Parallel()
	n := metric.New(start, queue{running: 2, waiting: 5}, memory.New())
	n.SignedIn(nil)
	n.SignedIn(account.ErrCredentials)
	n.SignedIn(account.ErrBlocked)
	n.SignedIn(&account.ThrottledError{})
	n.Sample(start.Add(metric.Interval), 3)
	n.Refreshed(session.Rotate, false)
	n.Refreshed(session.Rotate, true)
	n.Sample(start.Add(2*metric.Interval), 4)
	n.Sample(start.Add(3*metric.Interval), 4)

	points := n.History()
	if len(points) != 3 {
		t.Fatalf("got %d points, want 3", len(points))
	}
	first, second, third := points[0], points[1], points[2]
	if first.At != start.Add(metric.Interval) || first.SignIns != 1 || first.SignInFailures != 2 || first.Throttled != 1 || first.ActiveSessions != 3 {
		t.Errorf("the first point is %+v", first)
	}
	if first.Hashing != (metric.Queue{Running: 2, Waiting: 5}) {
		t.Errorf("the queue was %+v", first.Hashing)
	}
	if second.SignIns != 0 || second.Refreshes[session.Rotate] != 2 || second.Heals != 1 || second.ActiveSessions != 4 {
		t.Errorf("the second point is %+v", second)
	}
	if third.Refreshes[session.Rotate] != 0 || third.Heals != 0 {
		t.Errorf("the third point is %+v, and nothing happened", third)
	}
	if totals := n.Totals(); totals.SignIns != 1 || totals.Refreshes[session.Rotate] != 2 {
		t.Errorf("in all there were %+v", totals)
	}
}

func TestTheHistoryIsBounded(t *testing.T) {
	t.Parallel()
	n := metric.New(start, queue{}, memory.New())
	for i := range metric.Kept + 5 {
		n.Sample(start.Add(time.Duration(i)*metric.Interval), i)
	}
	points := n.History()
	if len(points) != metric.Kept || points[0].ActiveSessions != 5 || points[metric.Kept-1].ActiveSessions != metric.Kept+4 {
		t.Errorf("got %d points from %d to %d", len(points), points[0].ActiveSessions, points[len(points)-1].ActiveSessions)
	}
	for i := 1; i < len(points); i++ {
		if !points[i].At.After(points[i-1].At) {
			t.Fatalf("point %d is not later than the one before", i)
		}
	}
}

// slow is a store of sessions whose verbs take their time.
type slow struct {
	session.Store
	takes  time.Duration
	counts int
}

func TestAPointTellsHowLongTheStoresTook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := memory.New()
		slowly := &slow{Store: set.Sessions}
		set.Sessions = slowly
		n := metric.New(start, queue{}, set)
		watched := n.Stores().Sessions
		for i := range 100 {
			slowly.takes = 1500 * time.Microsecond
			if i >= 90 {
				slowly.takes = 300 * time.Millisecond
			}
			_, _ = watched.Find(t.Context(), session.ID{})
		}
		n.Sample(start, 0)
		p := n.History()[0]
		for _, row := range []struct {
			q         float64
			low, high time.Duration
		}{
			{0.5, time.Millisecond, 2 * time.Millisecond},
			{0.99, 200 * time.Millisecond, 500 * time.Millisecond},
		} {
			if got := p.StoreTook(row.q); got < row.low || got > row.high {
				t.Errorf("quantile %v: got %v, want one from %v to %v", row.q, got, row.low, row.high)
			}
		}
		n.Sample(start, 0)
		if got := n.History()[1].StoreTook(0.99); got != 0 {
			t.Errorf("in an interval without calls they took %v", got)
		}
	})
}
