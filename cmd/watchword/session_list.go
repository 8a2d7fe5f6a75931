package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/session"
)

func (p *program) sessionList() *cobra.Command {
	var (
		who         string
		all, asJSON bool
		limit       int
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List sessions, newest first.",
		Long: `List sessions, newest first: those that are alive, or with --all those that
ended lately as well, and why they ended.`,
		Example: `  watchword session list
  watchword session list --user ada --all`,
		Args: exactly(),
		RunE: p.atDesk(func(ctx context.Context, d *desk, _ []string) error {
			query := session.Query{Limit: limit}
			if !all {
				query.Alive = p.now()
			}
			if who != "" {
				user, err := d.findUser(ctx, who)
				if err != nil {
					return err
				}
				query.User = user.ID
			}
			sessions, err := d.sessions.List(ctx, query)
			if err != nil {
				return err
			}
			if asJSON {
				records := make([]sessionRecord, 0, len(sessions))
				for _, s := range sessions {
					records = append(records, recordOfSession(s, p.now()))
				}
				return writeJSON(p.out, records)
			}
			if len(sessions) == 0 {
				fmt.Fprintln(p.err, "no session")
				return nil
			}
			name := d.names(ctx)
			rows := make([][]string, 0, len(sessions))
			for _, s := range sessions {
				rows = append(rows, []string{
					s.ID.String(), short(name(s.UserID.String()), 24), relative(s.CreatedAt, p.now()), relative(s.EmittedAt, p.now()),
					strconv.FormatUint(s.Generation-1, 10), s.LastSeen.IP, short(s.LastSeen.UserAgent, 32), p.state(s),
				})
			}
			return writeTable(p.out, []string{"SESSION", "USER", "SIGNED IN", "LAST SEEN", "ROTATED", "FROM", "DEVICE", "STATE"}, rows)
		}),
	}
	cmd.Flags().StringVar(&who, "user", "", "only this user's: a username, an e-mail address or an id")
	cmd.Flags().BoolVar(&all, "all", false, "those that ended, too")
	limitFlag(cmd, &limit)
	jsonFlag(cmd, &asJSON)
	registerStore(cmd, "session")
	return cmd
}

// state says whether a session is alive, or why not.
func (p *program) state(s session.Session) string {
	if reason, ended := s.EndedBy(p.now()); ended {
		return "ended: " + because(reason)
	}
	return "alive"
}
