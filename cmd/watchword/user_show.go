package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) userShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show USER",
		Short: "Tell all about one user but the password.",
		Args:  exactly("USER"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			user, err := d.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(p.out, recordOfUser(user))
			}
			sessions, err := d.sessions.ByUser(ctx, user.ID)
			if err != nil {
				return err
			}
			fields := [][2]string{
				{"username", user.Username}, {"e-mail", user.Email}, {"id", user.ID.String()},
				{"roles", strings.Join(user.Roles, ", ")},
				{"added", stamp(user.CreatedAt) + ", " + relative(user.CreatedAt, p.now())},
				{"state", p.standing(user)},
			}
			if user.Blocked() {
				fields = append(fields, [2]string{"blocked by", user.Block.By}, [2]string{"because", user.Block.Reason})
			}
			fields = append(fields, [2]string{"sessions", count(len(sessions), "live session")})
			return writeFields(p.out, fields)
		}),
	}
	jsonFlag(cmd, &asJSON)
	registerStore(cmd, "user")
	return cmd
}
