package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/internal/throttle"
)

// clock is a time that moves only when told to.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()) }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// tenPerHalfMinute is the limit of these stories.
var tenPerHalfMinute = throttle.Limit{Burst: 10, Every: 30 * time.Second}

func attempt(t *testing.T, th *throttle.Throttle, key string, o throttle.Outcome) {
	t.Helper()
	a, err := th.Enter(t.Context(), key)
	if err != nil {
		t.Fatalf("an attempt for %q: %v", key, err)
	}
	a.Leave(o)
}

// refused fails the test unless the key must wait.
func refused(t *testing.T, th *throttle.Throttle, key string) *throttle.Limited {
	t.Helper()
	a, err := th.Enter(t.Context(), key)
	limited, ok := errors.AsType[*throttle.Limited](err)
	if !ok {
		a.Leave(throttle.Passed)
		t.Fatalf("%q was let through (%v)", key, err)
	}
	return limited
}

func fail(t *testing.T, th *throttle.Throttle, key string, times int) {
	t.Helper()
	for range times {
		attempt(t, th, key, throttle.Failed)
	}
}

func TestTheEleventhFailureInARowWaits(t *testing.T) {
	t.Parallel()
	clock := newClock()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Now: clock.now})
	fail(t, th, "anna", 10)
	if got := refused(t, th, "anna").After; got != 30*time.Second {
		t.Errorf("the wait is %v, want 30s", got)
	}
	attempt(t, th, "ben", throttle.Failed) // another key is not concerned

	clock.advance(30*time.Second - time.Millisecond)
	if got := refused(t, th, "anna").After; got != time.Millisecond {
		t.Errorf("just before its end the wait is %v, want 1ms", got)
	}
	clock.advance(time.Millisecond)
	attempt(t, th, "anna", throttle.Failed)
	refused(t, th, "anna")
}

func TestNoNumberOfFailuresLocksForLongerThanOneRefill(t *testing.T) {
	t.Parallel()
	clock := newClock()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Now: clock.now})
	for range 10_000 {
		if a, err := th.Enter(t.Context(), "anna"); err == nil {
			a.Leave(throttle.Failed)
		}
		clock.advance(time.Second)
	}
	if got := refused(t, th, "anna").After; got > 30*time.Second {
		t.Errorf("the wait is %v, want at most 30s", got)
	}
	clock.advance(10 * 30 * time.Second)
	fail(t, th, "anna", 10) // all is forgotten
	refused(t, th, "anna")
}

func TestSuccessForgivesAndIndecisionCostsNothing(t *testing.T) {
	t.Parallel()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Now: newClock().now})
	fail(t, th, "anna", 9)
	for range 50 {
		attempt(t, th, "anna", throttle.Passed)
	}
	attempt(t, th, "anna", throttle.Forgiven)
	fail(t, th, "anna", 10)
	refused(t, th, "anna")
}

func TestAClockThatIsSetBackLocksNobody(t *testing.T) {
	t.Parallel()
	clock := newClock()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Now: clock.now})
	fail(t, th, "anna", 10)
	clock.advance(-24 * time.Hour)
	if got := refused(t, th, "anna").After; got > 30*time.Second {
		t.Errorf("the wait is %v, want at most 30s", got)
	}
}

func TestOnlyTheFirstRefusalIsNews(t *testing.T) {
	t.Parallel()
	clock := newClock()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Now: clock.now})
	news := func() bool { return refused(t, th, "anna").First }
	fail(t, th, "anna", 10)
	if !news() || news() {
		t.Error("of two refusals in a row the first is news, the second is not")
	}
	clock.advance(30 * time.Second)
	fail(t, th, "anna", 1)
	if news() {
		t.Error("a refusal was news again, though the failures never stopped")
	}
	clock.advance(time.Hour)
	fail(t, th, "anna", 10)
	if !news() {
		t.Error("after an hour's peace a refusal was no news")
	}
}

// A thousand wrong guesses sent at once get no further than ten, and a thousand
// right passwords are never told to wait.
func TestConcurrentAttemptsCountAsIfOneCameAfterTheOther(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		outcome throttle.Outcome
		through int64
	}{
		{throttle.Failed, 10},
		{throttle.Passed, 1000},
		{throttle.Forgiven, 1000},
	} {
		synctest.Test(t, func(t *testing.T) {
			th := throttle.New(throttle.Config{Limit: tenPerHalfMinute})
			var through, under, most atomic.Int64
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() {
					a, err := th.Enter(t.Context(), "anna")
					if err != nil {
						return
					}
					through.Add(1)
					now := under.Add(1)
					for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
					}
					time.Sleep(time.Millisecond) // the synthetic clock's: it costs nothing
					under.Add(-1)
					a.Leave(row.outcome)
				})
			}
			all.Wait()
			if got := through.Load(); got != row.through {
				t.Errorf("outcome %d: %d attempts were let through, want %d", row.outcome, got, row.through)
			}
			if got := most.Load(); got > 10 {
				t.Errorf("outcome %d: %d attempts were under way at once, want at most 10", row.outcome, got)
			}
		})
	}
}

func TestWaitingEndsWithTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(throttle.Config{Limit: throttle.Limit{Burst: 1, Every: time.Minute}})
		slow, err := th.Enter(t.Context(), "anna")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := th.Enter(ctx, "anna"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting gave %v, want context.DeadlineExceeded", err)
		}
		slow.Leave(throttle.Passed)
		attempt(t, th, "anna", throttle.Passed)
	})
}

// Whoever floods the throttle with names, each guessed at once, must not thereby
// get fresh guesses for the one account that they are after.
func TestAFloodOfKeysDoesNotForgiveFailures(t *testing.T) {
	t.Parallel()
	clock := newClock()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Capacity: 100, Now: clock.now})
	fail(t, th, "anna", 10)
	for i := range 20_000 {
		if a, err := th.Enter(t.Context(), fmt.Sprint("flood ", i)); err == nil {
			a.Leave(throttle.Failed)
		}
	}
	refused(t, th, "anna")
	if got := th.Len(); got > 100 {
		t.Errorf("%d keys are kept, want at most 100", got)
	}
	clock.advance(10 * 30 * time.Second)
	fail(t, th, "anna", 10)
}

// Even if the flood fails as often for each of its keys, so that the victim's
// bucket is evicted, its failures are not forgotten.
func TestAnEvictedKeyFindsItsFailuresAgain(t *testing.T) {
	t.Parallel()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Capacity: 10, Now: newClock().now})
	fail(t, th, "anna", 9)
	for i := range 200 {
		for range 10 {
			if a, err := th.Enter(t.Context(), fmt.Sprint("flood ", i)); err == nil {
				a.Leave(throttle.Failed)
			}
		}
	}
	fail(t, th, "anna", 1)
	refused(t, th, "anna")
}

func TestKeysThatSayNothingMakeRoomFirst(t *testing.T) {
	t.Parallel()
	clock := newClock()
	th := throttle.New(throttle.Config{Limit: tenPerHalfMinute, Capacity: 16, Now: clock.now})
	for i := range 15 {
		fail(t, th, fmt.Sprint("old ", i), 1)
	}
	clock.advance(time.Minute)
	fail(t, th, "anna", 10)
	for i := range 8 {
		fail(t, th, fmt.Sprint("new ", i), 1)
	}
	refused(t, th, "anna")
	for i := range 8 {
		fail(t, th, fmt.Sprint("new ", i), 9)
		refused(t, th, fmt.Sprint("new ", i)) // each was kept for itself
	}
}

func TestAnAttemptUnderWayKeepsItsBucket(t *testing.T) {
	t.Parallel()
	th := throttle.New(throttle.Config{Limit: throttle.Limit{Burst: 1, Every: time.Minute}, Capacity: 1, Now: newClock().now})
	slow, err := th.Enter(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	attempt(t, th, "ben", throttle.Passed)
	attempt(t, th, "cleo", throttle.Passed)
	slow.Leave(throttle.Failed)
	refused(t, th, "anna")
}

func TestALimitThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, l := range []throttle.Limit{
		{},
		{Burst: 0, Every: time.Second},
		{Burst: 1, Every: 0},
		{Burst: -1, Every: time.Second},
		{Burst: 1 << 40, Every: time.Hour},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was taken for a limit", l)
				}
			}()
			throttle.New(throttle.Config{Limit: l})
		}()
	}
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ ip, want string }{
		{"192.0.2.7", "192.0.2.7"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
		{"2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"::1", "::/64"},
		{"", "unknown"},
		{"192.0.2.7:80", "unknown"},
		{"localhost", "unknown"},
	} {
		if got := throttle.AddressKey(row.ip); got != row.want {
			t.Errorf("AddressKey(%q) = %q, want %q", row.ip, got, row.want)
		}
	}
}

func TestFamiliarRemembersWhatItMetLately(t *testing.T) {
	t.Parallel()
	f := throttle.NewFamiliar(100)
	f.Meet("anna")
	if !f.Knows("anna") || f.Knows("ben") {
		t.Fatal("anna was met, ben was not")
	}
	for i := range 99 {
		f.Meet(fmt.Sprint("other ", i))
	}
	if !f.Knows("anna") {
		t.Error("anna is forgotten though she is among the last hundred")
	}
	for i := range 10_000 {
		f.Meet(fmt.Sprint("flood ", i))
		if i%50 == 0 && !f.Knows("anna") {
			t.Fatalf("anna is forgotten after %d others though she kept coming", i)
		}
	}
	for i := range 200 {
		f.Meet(fmt.Sprint("again ", i))
	}
	if f.Knows("anna") {
		t.Error("anna is remembered though two hundred others came since")
	}
}
