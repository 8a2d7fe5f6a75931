// Package storetest is the conformance suite of the stores: the contracts of
// account.Store, session.Store, signing.Store and audit.Store, verb by verb. A
// driver that passes may be put in the place of any other.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) store.Set { … an empty one … })
//	}
//
// A driver that keeps only some of them calls Users, Sessions, Keys or Events. One
// whose sessions are a session.Stepper beside its users calls Steps, too.
// Every test gets stores of its own and runs beside the others. What depends on
// the driver (how durable, how fast, what a broken server answers) is tested
// beside the driver.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
)

// Run tests a whole set. open is called for every test and returns empty stores;
// it closes them with t.Cleanup.
func Run(t *testing.T, open func(t testing.TB) store.Set) {
	t.Run("users", func(t *testing.T) {
		t.Parallel()
		Users(t, func(t testing.TB) account.Store { return open(t).Users })
	})
	t.Run("sessions", func(t *testing.T) {
		t.Parallel()
		Sessions(t, func(t testing.TB) session.Store { return open(t).Sessions })
	})
	t.Run("keys", func(t *testing.T) {
		t.Parallel()
		Keys(t, func(t testing.TB) signing.Store { return open(t).Keys })
	})
	t.Run("events", func(t *testing.T) {
		t.Parallel()
		Events(t, func(t testing.TB) audit.Store { return open(t).Events })
	})
}

// each runs every test with a store of its own.
func each[S any](t *testing.T, open func(testing.TB) S, tests map[string]func(*testing.T, S)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// start is the moment at which every story begins. It has microseconds, and is
// not in UTC: what comes out must be.
var start = time.Date(2026, 11, 21, 9, 30, 0, 123_456_000, time.FixedZone("", 3600))

// after is a moment of the story.
func after(d time.Duration) time.Time { return start.Add(d) }

// awkward are texts that a store must keep apart and give back byte by byte.
var awkward = []string{
	"anna", "Anna", "ANNA", "anna ", " anna", "anna\x00", "anna\x00b", "anna\t", "anna\n",
	"änna", "a\u0308nna", "anña", "straße", "strasse", "ıstanbul", "istanbul", "İstanbul",
	"名前", "🦉", "🦉🦉", "a'b", `a"b`, `a\b`, `a\x41`, `\`, "a%", "a_", "a%b", "a;--", "null", "NULL", "0", "0.0", "1e3",
	"\xff", "\xfe\xff", "a\xc3", "{a,b}", "[1]", "a=b&c=d", "+", "%2B",
	string(bytes.Repeat([]byte("x"), 255)) + "a", string(bytes.Repeat([]byte("x"), 255)) + "b", string(bytes.Repeat([]byte("x"), 255)),
}

// same compares what came out with what went in: times by the moment, and no
// roles (bytes, details) like none.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// ok ends the test if what should have worked did not.
func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// utc complains of a time that came out in another zone.
func utc(t testing.TB, times ...time.Time) {
	t.Helper()
	for _, moment := range times {
		if moment.Location() != time.UTC {
			t.Errorf("%v came out in %v", moment, moment.Location())
		}
	}
}

// together calls do n times at once and returns what each call returned.
func together[T any](n int, do func(i int) T) []T {
	results := make([]T, n)
	ready := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-ready
			results[i] = do(i)
		})
	}
	close(ready)
	group.Wait()
	return results
}

// cancelled is a context that has ended.
func cancelled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// uuidAt makes an identifier as of a moment.
func uuidAt(moment time.Time) uuid.UUID { return uuid.New(moment, rand.Reader) }
