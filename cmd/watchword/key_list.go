package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) keyList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the signing keys, newest first.",
		Long: `List the signing keys, newest first, and where in its life each is:

  next      published, so that every API knows it before the first token comes
  current   signs
  old       replaced; what it signed is accepted until it expires
  retired   what it signed has expired
  revoked   lost; nothing it signed is accepted`,
		Args: exactly(),
		RunE: p.atDesk(func(ctx context.Context, d *desk, _ []string) error {
			ring, err := d.ring(ctx)
			if err != nil {
				return err
			}
			list := ring.List()
			if asJSON {
				records := make([]keyRecord, 0, len(list))
				for _, k := range list {
					records = append(records, recordOfKey(k))
				}
				return writeJSON(p.out, records)
			}
			rows := make([][]string, 0, len(list))
			for _, k := range list {
				number, id := strconv.Itoa(k.Number), k.ID
				if k.ID == "" {
					number, id = "-", "the shared secret"
				}
				rows = append(rows, []string{number, id, k.Algorithm, string(k.State), moments(k.CreatedAt), moments(k.ActiveAt), moments(k.EndsAt)})
			}
			return writeTable(p.out, []string{"NUMBER", "KEY", "ALGORITHM", "STATE", "MADE", "SIGNS FROM", "LEAVES"}, rows)
		}),
	}
	jsonFlag(cmd, &asJSON)
	registerStore(cmd, "key")
	return cmd
}

// moments writes a time for a table's cell, or a dash where there is none.
func moments(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return stamp(t)
}
