package sqlstore

import (
	"context"
	"database/sql"

	"github.com/watchwordauth/watchword/session"
)

// rotation is one call of Advance, waiting to be written with others.
type rotation struct {
	session session.ID
	from    uint64
	next    session.Register
}

func (s sessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	if next.Generation < from {
		return false, nil // a register never goes back
	}
	if next.Generation == from {
		return s.prolong(ctx, id, next)
	}
	shard := s.advances[int(id[0])%len(s.advances)]
	won, err := shard.Do(ctx, rotation{id, from, next})
	return won, s.fault(ctx, err)
}

// prolong writes a register of the stored generation, durably: what a client holds
// proves a lost rotation, but not that its token was handed out again.
func (s sessions) prolong(ctx context.Context, id session.ID, next session.Register) (bool, error) {
	it, which := s.dialect.session(id)
	condition, which := it+` AND generation = ? AND revoked_at IS NULL`, append(which, int64(next.Generation))
	update := `UPDATE watchword_sessions
		SET rotated_at = ?, emitted_at = ?, request_key = ?, idle_until = ?,
			seen_ip = nullif(?, birth_ip), seen_user_agent = nullif(?, birth_user_agent)
		WHERE ` + condition
	args := append([]any{
		micros(next.RotatedAt), s.dialect.emitted(next), next.RequestKey[:], micros(next.IdleUntil),
		s.dialect.ip(next.LastSeen.IP), s.dialect.agent(next.LastSeen.UserAgent)}, which...)
	if !s.dialect.countsChanges {
		found, err := s.exec(ctx, update, args...)
		return found > 0, s.fault(ctx, err)
	}
	did, err := change(ctx, s.DB, func(ctx context.Context, tx *sql.Tx) (bool, error) {
		// Asked, not counted: a row that stays as it is would not be.
		same, err := all(ctx, s.DB, tx, scanned[int64], `SELECT 1 FROM watchword_sessions WHERE `+condition+s.dialect.forUpdate, which...)
		if err != nil || len(same) == 0 {
			return false, err
		}
		_, err = tx.ExecContext(ctx, s.dialect.sql(update), args...)
		return err == nil, err
	})
	return did, s.fault(ctx, err)
}

// advanceAll is the batch behind Advance.
func (s sessions) advanceAll(ctx context.Context, rotations []rotation) ([]bool, error) {
	return s.dialect.advance(ctx, s.DB, rotations)
}
