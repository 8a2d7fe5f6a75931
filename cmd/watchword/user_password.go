package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) userPassword() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "password USER",
		Short: "Give a user another password and end all their sessions.",
		Long: `Give a user another password and end all their sessions. The password is asked
for and not shown, or read from standard input; it is never taken from the
command line.`,
		Args: exactly("USER"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			user, err := d.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			password, err := p.readPassword(fromStdin)
			if err != nil {
				return err
			}
			if user, err = d.accounts.SetPassword(ctx, user.ID, password, byCLI); err != nil {
				return d.userTrouble(err)
			}
			fmt.Fprintf(p.out, "%s has a new password; all sessions ended\n", plain(user.Username))
			return nil
		}),
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input, one line")
	registerStore(cmd, "user")
	return cmd
}
