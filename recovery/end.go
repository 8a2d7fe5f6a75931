package recovery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// EndAll ends every session: the safe way where nobody knows which were ended since the
// backup. It returns how many it ended, and tells progress now and then.
func EndAll(ctx context.Context, set store.Set, now time.Time, progress func(ended int)) (int, error) {
	t := session.Tombstone{At: now.UTC().Truncate(time.Microsecond), Reason: session.EndedByAdmin, By: actor}
	ended := 0
	// A page is of sessions that begin before a time, and one time may be that of
	// more sessions than there are on a page's end: so the next page begins with
	// the last time of the one before, and those that are there twice end once.
	for q := (session.Query{Limit: 1000}); ; {
		page, err := set.Sessions.List(ctx, q)
		if err != nil {
			return ended, fmt.Errorf("list sessions: %w", err)
		}
		n, err := end(ctx, set.Sessions, page, t)
		ended += n
		if err != nil {
			return ended, err
		}
		progress(ended)
		if len(page) < q.Limit {
			return ended, nil
		}
		last := page[len(page)-1].CreatedAt
		before := last.Add(time.Microsecond)
		if before.Equal(q.Before) || page[0].CreatedAt.Equal(last) {
			before = last
		}
		q.Before = before
	}
}

// end ends sessions side by side, since stores gather concurrent commits.
func end(ctx context.Context, sessions session.Store, page []session.Session, t session.Tombstone) (int, error) {
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		ended  int
		failed error
	)
	places := make(chan struct{}, 64)
	for _, s := range page {
		if s.Revoked() {
			continue
		}
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			did, err := sessions.Revoke(ctx, s.ID, t)
			mu.Lock()
			defer mu.Unlock()
			if did {
				ended++
			}
			if err != nil {
				failed = fmt.Errorf("end session %s: %w", s.ID, err)
			}
		})
	}
	wait.Wait()
	return ended, failed
}
