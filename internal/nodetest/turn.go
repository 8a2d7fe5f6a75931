package nodetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// InTurn is a store that asks the stores of several nodes, one after the other: as
// long as they share what they know it is as good as one.
func InTurn(nodes ...session.Store) session.Store { return &turns{nodes: nodes} }

type turns struct {
	nodes []session.Store
	count atomic.Uint64
}

func (t *turns) next() session.Store { return t.nodes[t.count.Add(1)%uint64(len(t.nodes))] }

func (t *turns) Begin(ctx context.Context, s session.Session) error { return t.next().Begin(ctx, s) }

func (t *turns) Find(ctx context.Context, id session.ID) (session.Session, error) {
	return t.next().Find(ctx, id)
}

func (t *turns) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	return t.next().Advance(ctx, id, from, next)
}

func (t *turns) Revoke(ctx context.Context, id session.ID, stone session.Tombstone) (bool, error) {
	return t.next().Revoke(ctx, id, stone)
}

func (t *turns) RevokeUser(ctx context.Context, user account.ID, except session.ID, stone session.Tombstone) ([]session.ID, error) {
	return t.next().RevokeUser(ctx, user, except, stone)
}

func (t *turns) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	return t.next().ByUser(ctx, user, now)
}

func (t *turns) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	return t.next().RevokedSince(ctx, at)
}

func (t *turns) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	return t.next().List(ctx, q)
}

func (t *turns) Count(ctx context.Context, now time.Time) (int, error) {
	return t.next().Count(ctx, now)
}

func (t *turns) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.next().Forget(ctx, before, limit)
}
