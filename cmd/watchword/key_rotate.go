package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/signing"
)

func (p *program) keyRotate() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the signing key, out of turn.",
		Long: `Replace the signing key, out of turn. Keys are replaced by themselves every 30
days; nobody has to do this.

The new key is published at once and signs as soon as every API can know it, in
about half an hour. Nobody notices.

With --now, for a key that was lost, it signs at once and all others are
revoked: no token they signed is accepted any more, by every server on this
database within five seconds, by APIs that follow the revocations right after,
by others as soon as they fetch the keys again. Clients get a new token by
refreshing; nobody is signed out. It works without the old master secret, too.`,
		Args: exactly(),
		RunE: p.atDesk(func(ctx context.Context, d *desk, _ []string) error {
			if !now {
				ring, err := d.ring(ctx)
				if err != nil {
					return err
				}
				if err := ring.RotateNow(ctx, false, actor); err != nil {
					return keyTrouble(err)
				}
				next := ring.List()[0]
				fmt.Fprintf(p.out, "key %d (%s) signs from %s, %s\n", next.Number, next.ID, stamp(next.ActiveAt), relative(next.ActiveAt, p.now()))
				return nil
			}
			settings, err := d.signing(ctx)
			if err != nil {
				return err
			}
			ring, err := signing.Replace(ctx, settings, actor)
			if err != nil {
				return keyTrouble(err)
			}
			next := ring.List()[0]
			fmt.Fprintf(p.out, "key %d (%s) signs now; all others are revoked\n", next.Number, next.ID)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&now, "now", false, "a key was lost: sign with a new one at once and revoke all others")
	registerStore(cmd, "key")
	return cmd
}

// keyTrouble adds a hint to what package signing says.
func keyTrouble(err error) error {
	if errors.Is(err, signing.ErrShared) {
		return mend(err, "change ACCESS_TOKEN_SECRET here and at every API that has it, then restart")
	}
	return err
}
