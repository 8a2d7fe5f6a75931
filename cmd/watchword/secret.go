package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/internal/secret"
)

func (p *program) secret() *cobra.Command {
	return &cobra.Command{
		Use:   "secret",
		Short: "Make a new random secret.",
		Long: `Make a new random secret: 32 bytes, in hexadecimal.

It fits wherever Watchword wants one: WATCHWORD_MASTER_SECRET, and the
tutorials' ACCESS_TOKEN_SECRET and REFRESH_TOKEN_SECRET.`,
		Example: `  echo "REFRESH_TOKEN_SECRET=$(watchword secret)" >> .env`,
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			text, err := secret.Generate(rand.Reader)
			if err != nil {
				return err
			}
			fmt.Fprintln(p.out, text)
			return nil
		},
	}
}
