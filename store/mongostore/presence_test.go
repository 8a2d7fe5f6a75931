package mongostore

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
)

// seen is servers of these kinds, as the driver tells of them.
func seen(kind string, servers ...string) *event.TopologyDescriptionChangedEvent {
	d := event.TopologyDescription{Kind: kind}
	for _, server := range servers {
		d.Servers = append(d.Servers, event.ServerDescription{Kind: server})
	}
	return &event.TopologyDescriptionChangedEvent{NewDescription: d}
}

// story is a presence that a test plays the driver for.
type story struct {
	*presence
	sees *event.ServerMonitor
}

func newStory(t *testing.T, patience time.Duration) story {
	p := newPresence(patience)
	t.Cleanup(p.close)
	return story{p, p.monitor()}
}

// asked is what somebody is told who asks something that takes a while, and after
// how long.
func (s story) asked(ctx context.Context, takes time.Duration) (time.Duration, error) {
	began := time.Now()
	_, err := ask(ctx, s.presence, func(ctx context.Context) (int, error) {
		select {
		case <-time.After(takes):
			return 1, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	return time.Since(began), err
}

func away(err error) bool {
	_, ok := errors.AsType[awayError](err)
	return ok
}

func TestNobodyWaitsForAServerThatWasNeverThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3*time.Second)
		s.sees.TopologyDescriptionChanged(seen("ReplicaSetNoPrimary", "Unknown", "RSSecondary"))
		if took, err := s.asked(t.Context(), time.Hour); !away(err) || took != 3*time.Second {
			t.Errorf("at first: %v after %v", err, took)
		}
		if took, err := s.asked(t.Context(), time.Hour); !away(err) || took != 0 {
			t.Errorf("afterwards: %v after %v, want it at once", err, took)
		}
		s.sees.TopologyDescriptionChanged(seen("ReplicaSetWithPrimary", "RSPrimary", "RSSecondary"))
		if took, err := s.asked(t.Context(), time.Hour); err != nil || took != time.Hour {
			t.Errorf("when it is there: %v after %v", err, took)
		}
	})
}

// A primary that steps down is replaced within patience: nobody notices.
func TestAnElectionIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3*time.Second)
		for range 5 {
			s.sees.TopologyDescriptionChanged(seen("ReplicaSetWithPrimary", "RSPrimary"))
			time.Sleep(time.Minute)
			s.sees.ServerHeartbeatSucceeded(&event.ServerHeartbeatSucceededEvent{Reply: event.ServerDescription{Kind: "RSPrimary"}})
			s.sees.TopologyDescriptionChanged(seen("ReplicaSetNoPrimary", "RSSecondary"))
			time.AfterFunc(2*time.Second, func() { s.sees.TopologyDescriptionChanged(seen("ReplicaSetWithPrimary", "RSPrimary")) })
			if took, err := s.asked(t.Context(), 10*time.Second); err != nil || took != 10*time.Second {
				t.Errorf("%v after %v", err, took)
			}
		}
	})
}

// So it is however seldom an address has servers asked how they are: a primary that says
// that it is none any more was heard of as long ago as that.
func TestAnElectionIsWaitedForWhereServersAreSeldomAsked(t *testing.T) {
	t.Parallel()
	settings, err := settingsOf("mongodb://localhost/app?heartbeatFrequencyMS=10000")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, patienceOf(settings))
		s.sees.TopologyDescriptionChanged(seen("ReplicaSetWithPrimary", "RSPrimary"))
		time.Sleep(*settings.HeartbeatInterval)
		s.sees.TopologyDescriptionChanged(seen("ReplicaSetNoPrimary", "RSSecondary"))
		time.AfterFunc(time.Second, func() { s.sees.TopologyDescriptionChanged(seen("ReplicaSetWithPrimary", "RSPrimary")) })
		synctest.Wait()
		if took, err := s.asked(t.Context(), 10*time.Second); err != nil || took != 10*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestHowLongServersAreWaitedFor(t *testing.T) {
	t.Parallel()
	for parameters, want := range map[string]time.Duration{
		"":                             3 * time.Second,
		"heartbeatFrequencyMS=500":     3 * time.Second,
		"heartbeatFrequencyMS=10000":   12 * time.Second,
		"serverSelectionTimeoutMS=900": 900 * time.Millisecond,
		"serverSelectionTimeoutMS=0&heartbeatFrequencyMS=10000": 0, // for ever
	} {
		settings, err := settingsOf("mongodb://localhost/app?" + parameters)
		if err != nil {
			t.Fatal(err)
		}
		if got := patienceOf(settings); got != want {
			t.Errorf("%q: %v, want %v", parameters, got, want)
		}
	}
}

// The driver finds out late that a server has fallen silent: from then on nobody
// waits, since it was heard of last so long ago.
func TestSilenceCountsFromTheLastWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3*time.Second)
		s.sees.TopologyDescriptionChanged(seen("Single", "Standalone"))
		time.Sleep(time.Hour)
		s.sees.ServerHeartbeatSucceeded(&event.ServerHeartbeatSucceededEvent{Reply: event.ServerDescription{Kind: "Standalone"}})
		time.AfterFunc(3*time.Second, func() {
			s.sees.ServerHeartbeatFailed(&event.ServerHeartbeatFailedEvent{ConnectionID: "db1:27017[-7]", Failure: errors.New("no answer")})
			s.sees.TopologyDescriptionChanged(seen("Single", "Unknown"))
		})
		took, err := s.asked(t.Context(), time.Hour)
		if !away(err) || took != 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		db := &DB{logger: slog.New(slog.DiscardHandler)}
		if err := db.fault(t.Context(), err); !errors.Is(err, ErrUnavailable) || !strings.HasSuffix(err.Error(), "db1:27017: no answer") {
			t.Errorf("it is told as %v", err)
		}
	})
}

// Whoever leaves earlier is told that they left.
func TestACallerLeavesWhileNoServerIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took, err := s.asked(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestPatienceMayBeEndless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 0)
		if _, err := s.asked(t.Context(), 24*time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// What the driver would use is there; what it would refuse at once it may refuse.
func TestServersThatTakeWritesAreThere(t *testing.T) {
	t.Parallel()
	old := seen("Single", "Unknown")
	old.NewDescription.CompatibilityErr = errors.New("too old")
	for name, row := range map[string]struct {
		event *event.TopologyDescriptionChangedEvent
		want  bool
	}{
		"a single server":     {seen("Single", "Standalone"), true},
		"a primary":           {seen("ReplicaSetWithPrimary", "RSSecondary", "RSPrimary"), true},
		"a router":            {seen("Sharded", "Unknown", "Mongos"), true},
		"a load balancer":     {seen("LoadBalanced", "LoadBalancer"), true},
		"a replica, directly": {seen("Single", "RSSecondary"), true},
		"too old a server":    {old, true},
		"replicas alone":      {seen("ReplicaSetNoPrimary", "RSSecondary", "RSArbiter", "RSGhost", "RSOther"), false},
		"nobody":              {seen("Unknown"), false},
	} {
		if got := usable(row.event.NewDescription); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}
