package main

import (
	"github.com/spf13/cobra"
)

func (p *program) key() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "List and replace the keys that sign access tokens.",
		Args:  cobra.ArbitraryArgs,
		RunE:  p.group,
	}
	cmd.AddCommand(p.keyList(), p.keyRotate())
	return cmd
}
