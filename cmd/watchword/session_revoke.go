package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/session"
)

func (p *program) sessionRevoke() *cobra.Command {
	var who string
	cmd := &cobra.Command{
		Use:   "revoke [SESSION…]",
		Short: "End sessions, now and for good.",
		Long: `End sessions, now and for good. Their refresh tokens are worth nothing at once;
their access tokens are refused within a second by this server, its other
nodes, and every API that follows the revocations.

The user may sign in again: 'watchword user block' prevents that.`,
		Example: `  watchword session revoke 5b0f3a1c9d4e7f60812233445566778a
  watchword session revoke --user ada`,
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			switch {
			case (who == "") == (len(args) == 0):
				return mend(&misuse{errors.New("say which sessions to end")}, "name them, or a user whose sessions all end: --user NAME")
			case who != "":
				user, err := d.findUser(ctx, who)
				if err != nil {
					return err
				}
				n, err := d.sessions.EndUser(ctx, user.ID, session.ID{}, session.EndedByAdmin, actor)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.out, "%s of %s ended\n", count(n, "session"), plain(user.Username))
				return nil
			}
			ids := make([]session.ID, 0, len(args))
			for _, arg := range args {
				id, err := parseSession(arg)
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			for _, id := range ids {
				did, err := d.sessions.End(ctx, id, session.EndedByAdmin, actor)
				switch {
				case errors.Is(err, session.ErrNotFound):
					return unknownSession(id)
				case err != nil:
					return err
				case did:
					fmt.Fprintf(p.out, "session %s ended\n", id)
				default:
					fmt.Fprintf(p.out, "session %s had ended already\n", id)
				}
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&who, "user", "", "all sessions of this user: a username, an e-mail address or an id")
	registerStore(cmd, "session")
	return cmd
}
