package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/session"
)

func (p *program) sessionExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain SESSION",
		Short: "Tell a session's life: born, rotated, replayed, and why it ended.",
		Long: `Tell a session's life in plain sentences: when and where it was born, how often
its refresh token was replaced, what was out of the ordinary, and why and by
whom it ended. For "why was I signed out?".`,
		Example: `  watchword session explain 5b0f3a1c9d4e7f60812233445566778a
  watchword token inspect < token.txt     (tells which session a token is of)`,
		Args: exactly("SESSION"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			id, err := parseSession(args[0])
			if err != nil {
				return err
			}
			story, err := d.sessions.Explain(ctx, id)
			switch {
			case errors.Is(err, session.ErrNotFound):
				return unknownSession(id)
			case err != nil:
				return err
			}
			if asJSON {
				events := make([]eventRecord, 0, len(story.Events))
				for _, e := range story.Events {
					events = append(events, recordOfEvent(e))
				}
				return writeJSON(p.out, struct {
					Session sessionRecord `json:"session"`
					Events  []eventRecord `json:"events"`
				}{recordOfSession(story.Session, p.now()), events})
			}
			fmt.Fprintf(p.out, "Session %s\n", id)
			for _, sentence := range tell(story, d.names(ctx), p.now()) {
				if _, ok := terminal(p.out); ok {
					sentence = wrap(sentence, 80)
				}
				fmt.Fprintf(p.out, "\n%s\n", sentence)
			}
			return nil
		}),
	}
	jsonFlag(cmd, &asJSON)
	registerStore(cmd, "session")
	return cmd
}
