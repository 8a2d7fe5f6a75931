package recovery

import (
	"context"
	"fmt"

	"github.com/watchwordauth/watchword/account"
)

// Administration says who can administer a store that was restored. A backup may be
// older than the first administrator, and the journal may bar those it has.
type Administration struct {
	Able   bool           // somebody with the role can sign in
	Barred []account.User // if nobody can: who has the role, and is blocked or has no password
}

// Administrators looks for somebody who can sign in as an administrator.
func Administrators(ctx context.Context, users account.Store) (Administration, error) {
	const page = 500
	var barred []account.User
	for q := (account.Query{Role: account.RoleAdmin, Limit: page}); ; {
		admins, err := users.List(ctx, q)
		if err != nil {
			return Administration{}, fmt.Errorf("list the administrators: %w", err)
		}
		for _, u := range admins {
			if !u.Blocked() && u.PasswordHash != "" {
				return Administration{Able: true}, nil
			}
		}
		barred = append(barred, admins...)
		if len(admins) < page {
			return Administration{Barred: barred}, nil
		}
		q.Before = admins[page-1].ID
	}
}
