package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/account"
)

func (p *program) user() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Add, list, change and block users.",
		Long: `Add, list, change and block users. USER is a username, an e-mail address or an id.

What is done here is seen by a running server within a second.`,
		Args: cobra.ArbitraryArgs,
		RunE: p.group,
	}
	cmd.AddCommand(p.userAdd(), p.userList(), p.userShow(), p.userRoles(), p.userBlock(), p.userUnblock(), p.userPassword(), p.userImport())
	return cmd
}

// byCLI is who acts: whoever has the server's own command line.
var byCLI = account.Actor{By: account.ByCLI}

// standing says whether a user may sign in.
func (p *program) standing(u account.User) string {
	if !u.Blocked() {
		return "may sign in"
	}
	return "blocked " + relative(u.Block.At, p.now())
}

func rolesInWords(roles []string) string {
	if len(roles) == 1 {
		return "role " + roles[0]
	}
	return "roles " + strings.Join(roles, ", ")
}

// userTrouble adds hints to what package account says.
func (d *desk) userTrouble(err error) error {
	if field, ok := errors.AsType[*account.FieldError](err); ok {
		return mend(errors.New(strings.TrimSuffix(field.Message, ".")), "choose another %s", field.Field)
	}
	if role, ok := errors.AsType[*account.RoleError](err); ok {
		return mend(fmt.Errorf("there is no role %q", role.Role), "it is one of %s; the setting extra-role adds others", strings.Join(d.accounts.Roles(), ", "))
	}
	switch {
	case errors.Is(err, account.ErrUsernameTaken):
		return mend(errors.New("a user of this name exists"), "'watchword user show' tells who it is")
	case errors.Is(err, account.ErrLastAdmin):
		return mend(errors.New("this is the last administrator: nobody could manage users any more"), "make another one first: 'watchword user add --role admin' or 'watchword user roles'")
	case errors.Is(err, account.ErrEmailTaken):
		return mend(errors.New("a user with this e-mail address exists"), "'watchword user show' tells who it is")
	}
	return err
}
