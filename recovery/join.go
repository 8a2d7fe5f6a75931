package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/journal"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// Report is what Join did.
type Report struct {
	Ended   int // sessions that lived in the backup, and were ended since
	Known   int // sessions whose end the backup knew
	Unborn  int // sessions that were ended since, and began after the backup
	Unknown int // users who changed since, and were made after the backup

	Blocked   []account.User // whom the backup did not know to be blocked
	Unblocked []account.User // whose block ended since
	Roles     []account.User // who have other roles than in the backup
	Passwords []account.User // who had another password: the one in the backup signs nobody in any more
	Keys      int            // signing keys that were revoked since
}

// Join does to a store that was restored what the journal tells was done since: it
// ends sessions, blocks and unblocks users, gives them their roles, raises their
// epochs, and revokes keys. Of a password that was changed since it knows no more than
// that; the old one, which somebody may have changed because it was stolen, is
// removed, so that an administrator has to give the user another.
//
// Join may be run again: after a crash half-way it does the rest.
func Join(ctx context.Context, set store.Set, records []journal.Record, now time.Time) (Report, error) {
	j := joint{set: set, now: now.UTC().Truncate(time.Microsecond), seen: make(map[session.ID]bool), users: make(map[account.ID][]journal.Record)}
	for _, r := range records {
		var err error
		switch r.Kind {
		case journal.SessionEnded:
			err = j.end(ctx, r.Session, r.Tombstone())
		case journal.UserEnded:
			err = j.endAll(ctx, r)
		case journal.KeyRevoked:
			err = j.revokeKey(ctx, r)
		case journal.UserChanged, journal.PasswordChanged:
			if len(j.users[r.User]) == 0 {
				j.order = append(j.order, r.User)
			}
			j.users[r.User] = append(j.users[r.User], r)
		}
		if err != nil {
			return Report{}, err
		}
	}
	for _, id := range j.order {
		if err := j.change(ctx, id, j.users[id]); err != nil {
			return Report{}, err
		}
	}
	return j.report, nil
}

// joint is a Join under way.
type joint struct {
	set    store.Set
	now    time.Time
	report Report
	seen   map[session.ID]bool
	order  []account.ID
	users  map[account.ID][]journal.Record
}

func (j *joint) end(ctx context.Context, id session.ID, t session.Tombstone) error {
	if j.seen[id] {
		return nil
	}
	j.seen[id] = true
	did, err := j.set.Sessions.Revoke(ctx, id, t)
	if err != nil {
		return fmt.Errorf("end session %s: %w", id, err)
	}
	if did {
		j.report.Ended++
		return nil
	}
	_, err = j.set.Sessions.Find(ctx, id)
	switch {
	case errors.Is(err, session.ErrNotFound):
		j.report.Unborn++
	case err != nil:
		return fmt.Errorf("find session %s: %w", id, err)
	default:
		j.report.Known++
	}
	return nil
}

// endAll ends the sessions of a user that there were when all were ended.
func (j *joint) endAll(ctx context.Context, r journal.Record) error {
	// Alive at a time before all others: neither expired nor idle, then.
	unrevoked, err := j.set.Sessions.ByUser(ctx, r.User, time.Unix(0, 0))
	if err != nil {
		return fmt.Errorf("list the sessions of user %s: %w", r.User, err)
	}
	for _, s := range unrevoked {
		if s.ID == r.Session || s.CreatedAt.After(r.At) {
			continue
		}
		if err := j.end(ctx, s.ID, r.Tombstone()); err != nil {
			return err
		}
	}
	return nil
}

func (j *joint) revokeKey(ctx context.Context, r journal.Record) error {
	keys, err := j.set.Keys.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	for _, k := range keys {
		if k.ID == r.Key && k.RevokedAt.IsZero() {
			if err := j.set.Keys.Revoke(ctx, k.ID, r.At); err != nil {
				return fmt.Errorf("revoke signing key %s: %w", k.ID, err)
			}
			j.report.Keys++
		}
	}
	return nil
}

// change brings one user to the state that the journal has, if it is newer than the
// backup's. The backup knows a change if the user's EpochAt is not before it.
//
// The time of the last change moves last, so that a Join that is run again after a
// crash finds what is left to do.
func (j *joint) change(ctx context.Context, id account.ID, records []journal.Record) error {
	user, err := j.set.Users.Find(ctx, id)
	if errors.Is(err, account.ErrNotFound) {
		j.report.Unknown++
		return nil
	}
	if err != nil {
		return fmt.Errorf("find user %s: %w", id, err)
	}
	before := user
	var state *journal.Record // the newest
	password := false
	epoch := user.Epoch
	for _, r := range records {
		epoch = max(epoch, r.Epoch)
		switch {
		case r.Kind == journal.UserChanged && r.At.After(before.EpochAt):
			state = &r
		case r.Kind == journal.PasswordChanged && r.Epoch > 0:
			password = password || r.At.After(before.EpochAt)
		case r.Kind == journal.PasswordChanged:
			password = password || r.At.Add(-journal.EventDelay).After(before.EpochAt)
		}
	}
	if state == nil && !password {
		return nil
	}

	do := func(set func() (account.User, error)) {
		if err == nil {
			user, err = set()
		}
	}
	if password {
		do(func() (account.User, error) { return j.set.Users.SetPassword(ctx, id, "", before.EpochAt) })
		j.report.Passwords = append(j.report.Passwords, before)
	}
	roles := before.Roles
	if state != nil && !slices.Equal(state.Roles, before.Roles) {
		roles = state.Roles
		j.report.Roles = append(j.report.Roles, before)
	}
	// One change more is to come: after it the epoch is higher than any that a token has.
	for err == nil && user.Epoch < epoch {
		do(func() (account.User, error) { return j.set.Users.SetRoles(ctx, id, roles, before.EpochAt) })
	}
	if state != nil {
		switch block := state.Block; {
		case block != nil:
			if !before.Blocked() {
				j.report.Blocked = append(j.report.Blocked, before)
			}
			do(func() (account.User, error) {
				return j.set.Users.SetBlock(ctx, id, account.Block{At: block.At, Reason: block.Reason, By: block.By})
			})
		case before.Blocked():
			j.report.Unblocked = append(j.report.Unblocked, before)
			do(func() (account.User, error) { return j.set.Users.ClearBlock(ctx, id, before.EpochAt) })
		}
	}
	do(func() (account.User, error) { return j.set.Users.SetRoles(ctx, id, roles, j.now) })
	if err != nil {
		return fmt.Errorf("change user %s: %w", id, err)
	}
	return nil
}
