package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/session"
)

func (p *program) session() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "List, end and explain sessions.",
		Args:  cobra.ArbitraryArgs,
		RunE:  p.group,
	}
	cmd.AddCommand(p.sessionList(), p.sessionRevoke(), p.sessionExplain())
	return cmd
}

// parseSession reads a session's id. A refresh token in its place is refused
// and not repeated.
func parseSession(text string) (session.ID, error) {
	id, err := session.ParseID(text)
	switch {
	case err == nil:
		return id, nil
	case looksLikeToken(text):
		return id, mend(&misuse{errors.New("this is a token, which every user of this machine can now read")},
			"end its session, then name sessions by their ids: 'watchword token inspect' tells it")
	}
	return id, mend(&misuse{fmt.Errorf("%q is not the id of a session", text)}, "it has 32 hexadecimal digits: 'watchword session list' shows them")
}

func unknownSession(id session.ID) error {
	return mend(fmt.Errorf("there is no session %s", id), "it was of other data (--data), or it is forgotten: that happens a day after it would have expired")
}
