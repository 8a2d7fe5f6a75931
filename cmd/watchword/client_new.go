package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/httpapi"
)

func (p *program) clientNew() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "new ID",
		Short: "Draw a secret for a program, and print the setting that lets it in.",
		Long: `Draw a secret for a program, such as an API that asks about tokens
(/oauth/introspect), and print the setting that lets it in.

The secret is printed once and kept nowhere. The server is told only its digest,
by the setting 'client', which may stand anywhere: nobody finds the secret from
it. To replace a secret, list the client twice, with the old and the new one,
until the program has the new one.`,
		Example: `  watchword client new orders
  watchword serve --client orders=sha256:…`,
		Args: exactly("ID"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, secret, err := httpapi.NewClient(args[0], rand.Reader)
			if err != nil {
				return &misuse{err}
			}
			if asJSON {
				return writeJSON(p.out, struct {
					ID     string `json:"id"`
					Secret string `json:"secret"`
					Client string `json:"client"` // the setting's value
				}{c.ID, secret, c.String()})
			}
			fmt.Fprintf(p.out, `The secret of %s, which is shown only now:

  %s

Give it to %[1]s alone, and the server one of these:

  --client %[3]s
  %s=%[3]s
  client = [%[5]q]      in the --config file
`, c.ID, secret, c, setting{name: "client"}.env(), c.String())
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
