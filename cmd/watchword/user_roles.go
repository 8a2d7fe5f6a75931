package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) userRoles() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roles USER [ROLE…]",
		Short: "Show a user's roles, or give them these instead.",
		Long: `Show a user's roles, or give them these instead of the ones they have.

Access tokens with the old roles are refused within a second; clients get new
ones by refreshing, and the user notices nothing.`,
		Example: `  watchword user roles ada
  watchword user roles ada user moderator`,
		Args: atLeastOne("USER"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			user, err := d.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				for _, role := range user.Roles {
					fmt.Fprintln(p.out, role)
				}
				return nil
			}
			if user, err = d.accounts.SetRoles(ctx, user.ID, args[1:], byCLI); err != nil {
				return d.userTrouble(err)
			}
			fmt.Fprintf(p.out, "%s has the %s\n", plain(user.Username), rolesInWords(user.Roles))
			return nil
		}),
	}
	registerStore(cmd, "user")
	return cmd
}
