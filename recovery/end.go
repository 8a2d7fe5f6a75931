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
	var mu sync.Mutex
	ended := 0
	for q := (account.Query{Limit: page}); ; {
		users, err := set.Users.List(ctx, q)
		if err != nil {
			return ended, fmt.Errorf("list the users: %w", err)
		}
		err = abreast(ctx, users, func(ctx context.Context, u account.User) error {
			ids, err := set.Sessions.RevokeUser(ctx, u.ID, session.ID{}, t)
			if err != nil {
				return fmt.Errorf("end the sessions of user %s: %w", u.ID, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ended += len(ids)
			return nil
		})
		if err != nil {
			return ended, err
		}
		progress(ended)
		if len(users) < page {
			return ended, nil
		}
		q.Before = users[page-1].ID
	}
}
