package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) userBlock() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "block USER",
		Short: "Keep a user out: end all sessions, and let none begin.",
		Long: `Keep a user out: no sign-in, no refresh, and all sessions end. Access tokens are
refused within a second by this server, its other nodes, and every API that
follows the revocations.`,
		Example: `  watchword user block ada --reason "left the company"`,
		Args:    exactly("USER"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			user, err := d.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			before, err := d.sessions.ByUser(ctx, user.ID)
			if err != nil {
				return err
			}
			if user, err = d.accounts.Block(ctx, user.ID, reason, byCLI); err != nil {
				return d.userTrouble(err)
			}
			fmt.Fprintf(p.out, "%s is blocked; %s ended\n", plain(user.Username), count(len(before), "session"))
			return nil
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for administrators")
	registerStore(cmd, "user")
	return cmd
}
