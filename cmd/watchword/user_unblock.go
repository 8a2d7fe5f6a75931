package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) userUnblock() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unblock USER",
		Short: "Let a blocked user sign in again.",
		Args:  exactly("USER"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			user, err := d.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			if !user.Blocked() {
				fmt.Fprintf(p.out, "%s was not blocked\n", plain(user.Username))
				return nil
			}
			if user, err = d.accounts.Unblock(ctx, user.ID, byCLI); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s may sign in again\n", plain(user.Username))
			return nil
		}),
	}
	registerStore(cmd, "user")
	return cmd
}
