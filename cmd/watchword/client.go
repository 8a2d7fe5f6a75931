package main

import (
	"github.com/spf13/cobra"
)

func (p *program) client() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "client",
		Short: "Make the secrets of programs that ask about tokens.",
		Args:  cobra.ArbitraryArgs,
		RunE:  p.group,
	}
	cmd.AddCommand(p.clientNew())
	return cmd
}
