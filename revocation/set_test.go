package revocation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/revocation"
	"github.com/watchwordauth/watchword/session"
)

// shared is what several nodes have in common.
type shared struct {
	mu      sync.Mutex
	ended   []session.Revocation
	raised  []account.EpochChange
	failing error
}

func (s *shared) RevokedSince(_ context.Context, at time.Time) (found []session.Revocation, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.ended {
		if !r.At.Before(at) {
			found = append(found, r)
		}
	}
	return found, s.failing
}

func (s *shared) EpochsSince(_ context.Context, at time.Time) (found []account.EpochChange, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.raised {
		if !c.At.Before(at) {
			found = append(found, c)
		}
	}
	return found, s.failing
}

func (s *shared) end(r session.Revocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, r)
}

func (s *shared) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
}

var (
	phone = session.ID{1}
	car   = session.ID{2}
	ada   = account.ID{0xad}
)

func node(s *shared) *revocation.Set {
	return revocation.New(s, s, 10*time.Minute, "first", time.Now, slog.New(slog.DiscardHandler))
}

func TestWhatThisNodeEndsIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	set := node(&shared{})
	changed := set.Changed()
	set.SessionEnded(session.Revocation{Session: phone, At: time.Now()})
	set.EpochRaised(account.EpochChange{User: ada, Epoch: 3, At: time.Now()})

	if !set.Revoked(phone.String()) || set.Revoked(car.String()) {
		t.Error("revoked: want the phone alone")
	}
	if !set.Stale(ada.String(), 2) || set.Stale(ada.String(), 3) || set.Stale(ada.String(), 4) || set.Stale("somebody", 1) {
		t.Error("stale: want epochs below three, of ada alone")
	}
	select {
	case <-changed:
	default:
		t.Error("followers were not told")
	}
}

func TestAnOlderEpochDoesNotLowerANewer(t *testing.T) {
	t.Parallel()
	set := node(&shared{})
	set.EpochRaised(account.EpochChange{User: ada, Epoch: 5, At: time.Now()})
	set.EpochRaised(account.EpochChange{User: ada, Epoch: 4, At: time.Now()})
	if !set.Stale(ada.String(), 4) {
		t.Error("epoch 4 is fresh again")
	}
}

func TestWhatAnotherNodeEndsIsKnownWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		database := &shared{}
		set := node(database)
		if err := set.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go set.Follow(ctx)

		time.Sleep(100 * time.Second)
		database.end(session.Revocation{Session: phone, At: time.Now()})
		time.Sleep(time.Second)
		synctest.Wait()
		if !set.Revoked(phone.String()) {
			t.Error("not known after a second")
		}

		// A transaction that was stamped long ago and commits only now.
		database.end(session.Revocation{Session: car, At: time.Now().Add(-5 * time.Minute)})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !set.Revoked(car.String()) {
			t.Error("a late commit was missed")
		}
	})
}

func TestWhatNoTokenCanCarryAnyMoreIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		database := &shared{}
		set := node(database)
		set.SessionEnded(session.Revocation{Session: phone, At: time.Now()})
		set.EpochRaised(account.EpochChange{User: ada, Epoch: 2, At: time.Now()})
		time.Sleep(10*time.Minute + revocation.Margin)
		if err := set.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !set.Revoked(phone.String()) {
			t.Error("forgotten while a token could live")
		}
		known := set.Version()
		time.Sleep(time.Second)
		if err := set.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if set.Version() == known {
			t.Error("what was forgotten is no change")
		}
		if snapshot := set.Snapshot(); len(snapshot.Sessions) != 0 || len(snapshot.Users) != 0 {
			t.Errorf("still kept: %+v", snapshot)
		}
	})
}

func TestAStoreThatFailsIsReportedOnceAndForgetsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		database := &shared{}
		set := revocation.New(database, database, 10*time.Minute, "first", time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		set.SessionEnded(session.Revocation{Session: phone, At: time.Now()})
		database.fail(errors.New("gone"))
		if err := set.Load(t.Context()); err == nil {
			t.Error("Load hid the failure")
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go set.Follow(ctx)
		time.Sleep(time.Minute)
		database.fail(nil)
		time.Sleep(time.Second)
		stop()
		synctest.Wait()
		if !set.Revoked(phone.String()) {
			t.Error("forgotten")
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 {
			t.Errorf("%d lines logged, want one for the failure and one for its end:\n%s", lines, &log)
		}
	})
}

// silent is a store that never answers, until it is told to.
type silent struct {
	*shared
	speaks atomic.Bool
}

func (s *silent) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	if !s.speaks.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.shared.RevokedSince(ctx, at)
}

// The machine of the database is gone, and the connection to it says nothing.
func TestALookThatIsNotAnsweredIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		database := &silent{shared: &shared{}}
		set := revocation.New(database, database, 10*time.Minute, "first", time.Now, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go set.Follow(ctx)
		time.Sleep(time.Second) // a look is under way
		database.speaks.Store(true)
		database.end(session.Revocation{Session: phone, At: time.Now()})
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if !set.Revoked(phone.String()) {
			t.Error("it still waits for the answer")
		}
	})
}

func TestSnapshotIsTheWholeState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		database := &shared{
			ended:  []session.Revocation{{Session: car, At: now}, {Session: phone, At: now}},
			raised: []account.EpochChange{{User: ada, Epoch: 2, At: now}},
		}
		set := node(database)
		if err := set.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := revocation.Snapshot{
			Incarnation: "first", Version: 1, AsOf: now, Window: 11 * time.Minute,
			Sessions: []string{phone.String(), car.String()}, Users: map[string]uint64{ada.String(): 2},
		}
		if diff := cmp.Diff(want, set.Snapshot()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func BenchmarkRevoked(b *testing.B) {
	set := node(&shared{})
	for i := range 10_000 {
		set.SessionEnded(session.Revocation{Session: session.ID{byte(i), byte(i >> 8), 1}, At: time.Now()})
	}
	id, user := car.String(), ada.String()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if set.Revoked(id) || set.Stale(user, 1) {
				b.Error("revoked")
			}
		}
	})
}

func ExampleSet() {
	database := &shared{}
	set := revocation.New(database, database, 10*time.Minute, "this start", time.Now, slog.Default())
	if err := set.Load(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(set.Revoked(phone.String()))
	set.SessionEnded(session.Revocation{Session: phone, At: time.Now()})
	fmt.Println(set.Revoked(phone.String()))
	// Output:
	// false
	// true
}
