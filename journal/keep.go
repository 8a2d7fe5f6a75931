package journal

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
)

// Keep returns the stores with a journal beside them: what ends a session, changes a
// user or revokes a key there is recorded before it is acknowledged.
func (j *Journal) Keep(set store.Set) store.Set {
	set.Sessions = sessions{set.Sessions, j}
	set.Users = users{set.Users, j}
	set.Keys = keys{set.Keys, j}
	return set
}

// sessions is a session.Store that records revocations.
type sessions struct {
	session.Store
	journal *Journal
}

// Step implements session.Stepper, if the store does: it ends nothing.
func (s sessions) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	return s.Store.(session.Stepper).Step(ctx, id, rule)
}

// Beside implements session.Stepper. It is false where the store cannot step.
func (s sessions) Beside(others session.Users) bool {
	stepper, can := s.Store.(session.Stepper)
	kept, mine := others.(users)
	return can && mine && stepper.Beside(kept.Store)
}

// Revoke implements session.Store. It records the end of a session that had ended
// already, too, unless it knows that it did: the call that ended it may have
// failed to record it.
func (s sessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	did, err := s.Store.Revoke(ctx, id, t)
	if err != nil {
		return false, err
	}
	return did, s.journal.Write(ctx, Record{Kind: SessionEnded, At: t.At, Session: id, Reason: t.Reason, By: t.By})
}

// RevokeUser implements session.Store. That all of the user's sessions ended is
// recorded, for those that a call before ended and failed to record; and of each that this
// one ended that it did, for those that began at this very moment.
func (s sessions) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	ended, err := s.Store.RevokeUser(ctx, user, except, t)
	if err != nil {
		return nil, err
	}
	records := make([]Record, 0, len(ended)+1)
	records = append(records, Record{Kind: UserEnded, At: t.At, User: user, Session: except, Reason: t.Reason, By: t.By})
	for _, id := range ended {
		records = append(records, Record{Kind: SessionEnded, At: t.At, Session: id, Reason: t.Reason, By: t.By})
	}
	return ended, s.journal.Write(ctx, records...)
}

// users is an account.Store that records changes.
//
// After a new password and after a block the use case ends the user's sessions. A
// journal that cannot be written must not keep it from that. So these two do not fail
// if the record does; the journal is behind then, and the RevokeUser that
// follows fails, before anything is acknowledged.
type users struct {
	account.Store
	journal *Journal
}

func (s users) SetPassword(ctx context.Context, id account.ID, hash string, at time.Time) (account.User, error) {
	u, err := s.Store.SetPassword(ctx, id, hash, at)
	if err == nil {
		s.passwordChanged(ctx, u)
	}
	return u, err
}

func (s users) SetPasswordIf(ctx context.Context, id account.ID, epoch uint64, hash string, at time.Time) (account.User, bool, error) {
	u, did, err := s.Store.SetPasswordIf(ctx, id, epoch, hash, at)
	if did && err == nil {
		s.passwordChanged(ctx, u)
	}
	return u, did, err
}

func (s users) passwordChanged(ctx context.Context, u account.User) {
	_ = s.journal.Write(ctx, Record{Kind: PasswordChanged, At: u.EpochAt, User: u.ID, Epoch: u.Epoch}, changed(u)) // see users
}

func (s users) SetBlock(ctx context.Context, id account.ID, block account.Block) (account.User, error) {
	u, err := s.Store.SetBlock(ctx, id, block)
	if err == nil {
		_ = s.journal.Write(ctx, changed(u)) // see users
	}
	return u, err
}

func (s users) SetRoles(ctx context.Context, id account.ID, roles []string, at time.Time) (account.User, error) {
	return s.record(ctx)(s.Store.SetRoles(ctx, id, roles, at))
}

func (s users) ClearBlock(ctx context.Context, id account.ID, at time.Time) (account.User, error) {
	return s.record(ctx)(s.Store.ClearBlock(ctx, id, at))
}

func (s users) record(ctx context.Context) func(account.User, error) (account.User, error) {
	return func(u account.User, err error) (account.User, error) {
		if err != nil {
			return account.User{}, err
		}
		return u, s.journal.Write(ctx, changed(u))
	}
}

// keys is a signing.Store that records revocations.
type keys struct {
	signing.Store
	journal *Journal
}

func (s keys) Revoke(ctx context.Context, id string, at time.Time) error {
	if err := s.Store.Revoke(ctx, id, at); err != nil {
		return err
	}
	return s.journal.Write(ctx, Record{Kind: KeyRevoked, At: at, Key: id})
}
