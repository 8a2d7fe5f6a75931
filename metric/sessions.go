package metric

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// sessions measures the store of sessions.
type sessions struct {
	session.Store
	verbsOf
	node *Node

	begin, find, step, advance, revoke, revokeUser, byUser, revokedSince, list, count, forget *verb
}

func newSessions(store session.Store, n *Node) *sessions {
	s := &sessions{Store: store, verbsOf: verbsOf{store: "sessions"}, node: n}
	s.begin = s.verb("begin")
	s.find = s.verb("find")
	s.step = s.verb("step")
	s.advance = s.verb("advance")
	s.revoke = s.verb("revoke")
	s.revokeUser = s.verb("revoke_user")
	s.byUser = s.verb("by_user")
	s.revokedSince = s.verb("revoked_since")
	s.list = s.verb("list")
	s.count = s.verb("count")
	s.forget = s.verb("forget")
	return s
}

func (s *sessions) Begin(ctx context.Context, begun session.Session) error {
	ctx, call := s.begin.start(ctx)
	err := s.Store.Begin(ctx, begun)
	call.end(err)
	if err == nil {
		s.node.begun.Inc()
	}
	return err
}

func (s *sessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	ctx, call := s.find.start(ctx)
	found, err := s.Store.Find(ctx, id)
	call.end(err)
	return found, err
}

// Step implements session.Stepper, if the store that is measured does.
func (s *sessions) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	ctx, call := s.step.start(ctx)
	did, err := s.Store.(session.Stepper).Step(ctx, id, rule)
	call.end(err)
	return did, err
}

// Beside implements session.Stepper. It is false where the store cannot step.
func (s *sessions) Beside(others session.Users) bool {
	stepper, can := s.Store.(session.Stepper)
	measured, mine := others.(*users)
	return can && mine && stepper.Beside(measured.Store)
}

func (s *sessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	ctx, call := s.advance.start(ctx)
	did, err := s.Store.Advance(ctx, id, from, next)
	call.end(err)
	return did, err
}

func (s *sessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	ctx, call := s.revoke.start(ctx)
	did, err := s.Store.Revoke(ctx, id, t)
	call.end(err)
	if did {
		s.node.ended.of(t.Reason).Inc()
	}
	return did, err
}

func (s *sessions) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	ctx, call := s.revokeUser.start(ctx)
	ended, err := s.Store.RevokeUser(ctx, user, except, t)
	call.end(err)
	s.node.ended.of(t.Reason).Add(len(ended))
	return ended, err
}

func (s *sessions) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	ctx, call := s.byUser.start(ctx)
	found, err := s.Store.ByUser(ctx, user, now)
	call.end(err)
	return found, err
}

func (s *sessions) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	ctx, call := s.revokedSince.start(ctx)
	found, err := s.Store.RevokedSince(ctx, at)
	call.end(err)
	return found, err
}

func (s *sessions) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	ctx, call := s.list.start(ctx)
	found, err := s.Store.List(ctx, q)
	call.end(err)
	return found, err
}

func (s *sessions) Count(ctx context.Context, now time.Time) (int, error) {
	ctx, call := s.count.start(ctx)
	n, err := s.Store.Count(ctx, now)
	call.end(err)
	return n, err
}

func (s *sessions) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	ctx, call := s.forget.start(ctx)
	n, err := s.Store.Forget(ctx, before, limit)
	call.end(err)
	return n, err
}
