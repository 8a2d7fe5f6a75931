package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/account"
)

func (p *program) userAdd() *cobra.Command {
	var (
		email             string
		roles             []string
		fromStdin, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "add USERNAME",
		Short: "Add a user.",
		Long: `Add a user, with any role. The password is asked for and not shown, or read from
standard input; it is never taken from the command line.`,
		Example: `  watchword user add --role admin --email ada@example.org ada
  pass show watchword/ada | watchword user add --password-stdin --email ada@example.org ada`,
		Args: exactly("USERNAME"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			password, err := p.readPassword(fromStdin)
			if err != nil {
				return err
			}
			user, err := d.accounts.Create(ctx, account.NewUser{Username: args[0], Email: email, Password: password, Roles: roles}, byCLI)
			if err != nil {
				return d.userTrouble(err)
			}
			if asJSON {
				return writeJSON(p.out, recordOfUser(user))
			}
			fmt.Fprintf(p.out, "added %s (%s) with the %s\n", plain(user.Username), user.ID, rolesInWords(user.Roles))
			return nil
		}),
	}
	cmd.Flags().StringVar(&email, "email", "", "the e-mail address")
	cmd.Flags().StringSliceVar(&roles, "role", []string{account.RoleUser}, "a role to give; repeatable")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input, one line")
	jsonFlag(cmd, &asJSON)
	registerStore(cmd, "user")
	return cmd
}
