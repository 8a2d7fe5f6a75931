package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/account"
)

func (p *program) userList() *cobra.Command {
	var (
		search, role    string
		blocked, asJSON bool
		notBlocked      bool
		limit           int
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users, newest first.",
		Example: `  watchword user list --search ad
  watchword user list --role admin
  watchword user list --blocked --json`,
		Args: exactly(),
		RunE: p.atDesk(func(ctx context.Context, d *desk, _ []string) error {
			query := account.Query{Search: search, Role: role, Limit: limit}
			switch {
			case blocked && notBlocked:
				return &misuse{errors.New("--blocked and --not-blocked leave nobody")}
			case blocked || notBlocked:
				query.Blocked = &blocked
			}
			users, err := d.accounts.List(ctx, query)
			if err != nil {
				return err
			}
			if asJSON {
				records := make([]userRecord, 0, len(users))
				for _, u := range users {
					records = append(records, recordOfUser(u))
				}
				return writeJSON(p.out, records)
			}
			if len(users) == 0 {
				fmt.Fprintln(p.err, "no user")
				return nil
			}
			rows := make([][]string, 0, len(users))
			for _, u := range users {
				rows = append(rows, []string{
					short(u.Username, 32), short(u.Email, 40), strings.Join(u.Roles, ", "), relative(u.CreatedAt, p.now()), p.standing(u), u.ID.String(),
				})
			}
			return writeTable(p.out, []string{"USERNAME", "E-MAIL", "ROLES", "ADDED", "STATE", "ID"}, rows)
		}),
	}
	cmd.Flags().StringVar(&search, "search", "", "only users whose name or address begins so")
	cmd.Flags().StringVar(&role, "role", "", "only users with this role")
	cmd.Flags().BoolVar(&blocked, "blocked", false, "only users who are blocked")
	cmd.Flags().BoolVar(&notBlocked, "not-blocked", false, "only users who are not blocked")
	limitFlag(cmd, &limit)
	jsonFlag(cmd, &asJSON)
	registerStore(cmd, "user")
	return cmd
}
