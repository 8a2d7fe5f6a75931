package sqlstore

import (
	"context"

	"github.com/watchwordauth/watchword/session"
)

// rotation is one call of Advance, waiting to be written with others.
type rotation struct {
	session session.ID
	from    uint64
	next    session.Register
}

// advanced is what became of it.
type advanced struct {
	won  bool
	held bool // nothing was written, and it is not decided: somebody else holds the session's row
}

func (s sessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	if next.Generation < from {
		return false, nil // a register never goes back
	}
	shards := s.advances
	if next.Generation == from {
		shards = s.prolongs
	}
	var outcome advanced
	err := unlessHeld(ctx, func() (bool, error) {
		var err error
		outcome, err = shards[int(id[0])%len(shards)].Do(ctx, rotation{id, from, next})
		return outcome.held, err
	})
	return outcome.won, s.fault(ctx, err)
}

// advanceAll is the batch behind Advance.
func (s sessions) advanceAll(ctx context.Context, rotations []rotation) ([]advanced, error) {
	return s.dialect.advance(ctx, s.DB, s.relaxed, rotations)
}

// prolongAll is the batch behind Advance where the generation is kept. It is durable:
// what a client holds proves a lost rotation, but not that its token was handed
// out again.
func (s sessions) prolongAll(ctx context.Context, rotations []rotation) ([]advanced, error) {
	return s.dialect.advance(ctx, s.DB, s.durable, rotations)
}
