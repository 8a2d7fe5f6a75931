package recovery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// EndAll ends every session: the safe way where nobody knows which were ended since the
// backup. It returns how many it ended, and tells that now and then.
func EndAll(ctx context.Context, set store.Set, now time.Time, progress func(ended int)) (int, error) {
	const page = 500
	t := session.Tombstone{At: now.UTC().Truncate(time.Microsecond), Reason: session.EndedByAdmin, By: actor}
	ended := 0
	for q := (account.Query{Limit: page}); ; {
		users, err := set.Users.List(ctx, q)
		if err != nil {
			return ended, fmt.Errorf("list the users: %w", err)
		}
		n, err := end(ctx, set.Sessions, users, t)
		if err != nil {
			return ended, err
		}
		if ended += n; n > 0 {
			progress(ended)
		}
		if len(users) < page {
			return ended, nil
		}
		q.Before = users[page-1].ID
	}
}

// end ends the sessions of users side by side, since stores gather concurrent commits.
func end(ctx context.Context, sessions session.Store, users []account.User, t session.Tombstone) (int, error) {
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		ended  int
		failed error
	)
	places := make(chan struct{}, 64)
	for _, u := range users {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			ids, err := sessions.RevokeUser(ctx, u.ID, session.ID{}, t)
			mu.Lock()
			defer mu.Unlock()
			ended += len(ids)
			if err != nil {
				failed = fmt.Errorf("end the sessions of user %s: %w", u.ID, err)
			}
		})
	}
	wait.Wait()
	return ended, failed
}
