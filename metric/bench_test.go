package metric

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
)

// nothing is a store that takes no time.
type nothing struct{ session.Store }

func (nothing) Find(context.Context, session.ID) (session.Session, error) {
	return session.Session{}, nil
}

func (nothing) Advance(context.Context, session.ID, uint64, session.Register) (bool, error) {
	return true, nil
}

type nobody struct{ account.Store }

func (nobody) Find(context.Context, account.ID) (account.User, error) { return account.User{}, nil }

// refreshing does what a refresh asks of stores and metrics.
func refreshing(ctx context.Context, set store.Set, n *Node, r *Route) {
	began := time.Now()
	_, _ = set.Sessions.Find(ctx, session.ID{})
	_, _ = set.Users.Find(ctx, account.ID{})
	_, _ = set.Sessions.Advance(ctx, session.ID{}, 1, session.Register{})
	if n != nil {
		n.Refreshed(session.Rotate, false)
		r.Answered(200, time.Since(began))
	}
}

func emptyStores() store.Set {
	set := memory.New()
	set.Sessions, set.Users = nothing{}, nobody{}
	return set
}

// BenchmarkRefresh is what the metrics cost one refresh: what "counted" takes
// more than "not counted".
func BenchmarkRefresh(b *testing.B) {
	b.Run("not counted", func(b *testing.B) {
		b.ReportAllocs()
		set, ctx := emptyStores(), b.Context()
		for b.Loop() {
			refreshing(ctx, set, nil, nil)
		}
	})
	n := New(time.Now(), idle{}, emptyStores())
	route := n.Route("/api/auth/refreshtoken")
	b.Run("counted", func(b *testing.B) {
		b.ReportAllocs()
		set, ctx := n.Stores(), b.Context()
		for b.Loop() {
			refreshing(ctx, set, n, route)
		}
	})
	b.Run("counted by all cores at once", func(b *testing.B) {
		b.ReportAllocs()
		set, ctx := n.Stores(), b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				refreshing(ctx, set, n, route)
			}
		})
	})
}

// BenchmarkScrape is what one question of Prometheus costs.
func BenchmarkScrape(b *testing.B) {
	n := New(time.Now(), idle{}, memory.New())
	for _, path := range []string{"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"} {
		n.Route(path).Answered(200, time.Millisecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = n.WriteText(io.Discard, State{})
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	n := New(time.Now(), idle{}, emptyStores())
	route := n.Route("/api/auth/refreshtoken")
	set, ctx := n.Stores(), t.Context()
	if got := testing.AllocsPerRun(100, func() { refreshing(ctx, set, n, route) }); got != 0 {
		t.Errorf("to count one refresh allocates %v times", got)
	}
}
