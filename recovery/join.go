package recovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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
// Join may be run again: after a crash half-way it does the rest. Progress is told now
// and then how much of it is done.
func Join(ctx context.Context, set store.Set, records []journal.Record, now time.Time, progress func(done, all int)) (Report, error) {
	j := joint{set: set, now: now.UTC().Truncate(time.Microsecond), met: make(map[session.ID]bool)}
	var ended, all, keys []journal.Record
	users := make(map[account.ID][]journal.Record)
	for _, r := range records {
		switch r.Kind {
		case journal.SessionEnded:
			ended = append(ended, r)
		case journal.UserEnded:
			all = append(all, r)
		case journal.KeyRevoked:
			keys = append(keys, r)
		case journal.UserChanged, journal.PasswordChanged:
			users[r.User] = append(users[r.User], r)
		}
	}
	total := len(ended) + len(all) + len(keys) + len(users)
	counted := func(do func(context.Context, journal.Record) error) func(context.Context, journal.Record) error {
		return func(ctx context.Context, r journal.Record) error {
			err := do(ctx, r)
			j.mu.Lock()
			defer j.mu.Unlock()
			j.done++
			if j.done%100 == 0 {
				progress(j.done, total)
			}
			return err
		}
	}
	changed := make([]journal.Record, 0, len(users)) // one of each user
	for _, id := range slices.SortedFunc(maps.Keys(users), func(a, b account.ID) int { return bytes.Compare(a[:], b[:]) }) {
		changed = append(changed, users[id][0])
	}
	for _, part := range []struct {
		records []journal.Record
		do      func(context.Context, journal.Record) error
	}{
		{ended, func(ctx context.Context, r journal.Record) error { return j.end(ctx, r.Session, r.Tombstone()) }},
		{all, j.endAll},
		{keys, j.revokeKey},
		{changed, func(ctx context.Context, r journal.Record) error { return j.change(ctx, r.User, users[r.User]) }},
	} {
		if err := abreast(ctx, part.records, counted(part.do)); err != nil {
			return Report{}, err
		}
	}
	for _, list := range [][]account.User{j.report.Blocked, j.report.Unblocked, j.report.Roles, j.report.Passwords} {
		slices.SortFunc(list, func(a, b account.User) int { return strings.Compare(a.UsernameKey, b.UsernameKey) })
	}
	return j.report, nil
}

// joint is a Join under way.
type joint struct {
	set store.Set
	now time.Time

	mu     sync.Mutex
	report Report
	done   int
	met    map[session.ID]bool // sessions of which a record was met
}

// note writes into the report.
func (j *joint) note(do func(*Report)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	do(&j.report)
}

func (j *joint) end(ctx context.Context, id session.ID, t session.Tombstone) error {
	j.mu.Lock()
	met := j.met[id]
	j.met[id] = true
	j.mu.Unlock()
	if met {
		return nil
	}
	did, err := j.set.Sessions.Revoke(ctx, id, t)
	if err != nil {
		return fmt.Errorf("end session %s: %w", id, err)
	}
	if did {
		j.note(func(r *Report) { r.Ended++ })
		return nil
	}
	_, err = j.set.Sessions.Find(ctx, id)
	switch {
	case errors.Is(err, session.ErrNotFound):
		j.note(func(r *Report) { r.Unborn++ })
	case err != nil:
		return fmt.Errorf("find session %s: %w", id, err)
	default:
		j.note(func(r *Report) { r.Known++ })
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
			j.note(func(r *Report) { r.Keys++ })
		}
	}
	return nil
}

// change brings one user to the state that the journal has, if it is newer than the
// backup's. The backup knows a change if the user's EpochAt is not before it; of changes
// that are so close that the clocks of nodes may have told them in the wrong order,
// if its epoch is not higher.
//
// The time of the last change moves last, so that a Join that is run again after a
// crash finds what is left to do.
func (j *joint) change(ctx context.Context, id account.ID, records []journal.Record) error {
	user, err := j.set.Users.Find(ctx, id)
	if errors.Is(err, account.ErrNotFound) {
		j.note(func(r *Report) { r.Unknown++ })
		return nil
	}
	if err != nil {
		return fmt.Errorf("find user %s: %w", id, err)
	}
	before := user
	var state *journal.Record // the newest
	password := false
	epoch := user.Epoch
	newer := func(r journal.Record) bool {
		return r.At.After(before.EpochAt) || r.Epoch > before.Epoch && r.At.After(before.EpochAt.Add(-journal.Skew))
	}
	for _, r := range records {
		epoch = max(epoch, r.Epoch)
		switch {
		case r.Kind == journal.UserChanged && newer(r):
			if state == nil || r.Supersedes(*state) {
				state = &r
			}
		case r.Kind == journal.PasswordChanged && r.Epoch > 0:
			password = password || newer(r)
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
		j.note(func(r *Report) { r.Passwords = append(r.Passwords, before) })
	}
	roles := before.Roles
	if state != nil && !slices.Equal(state.Roles, before.Roles) {
		roles = state.Roles
		j.note(func(r *Report) { r.Roles = append(r.Roles, before) })
	}
	// One change more is to come: after it the epoch is higher than any that a token has.
	for err == nil && user.Epoch < epoch {
		do(func() (account.User, error) { return j.set.Users.SetRoles(ctx, id, roles, before.EpochAt) })
	}
	if state != nil {
		switch block := state.Block; {
		case block != nil:
			if !before.Blocked() {
				j.note(func(r *Report) { r.Blocked = append(r.Blocked, before) })
			}
			do(func() (account.User, error) {
				return j.set.Users.SetBlock(ctx, id, account.Block{At: block.At, Reason: block.Reason, By: block.By})
			})
		case before.Blocked():
			j.note(func(r *Report) { r.Unblocked = append(r.Unblocked, before) })
			do(func() (account.User, error) { return j.set.Users.ClearBlock(ctx, id, before.EpochAt) })
		}
	}
	do(func() (account.User, error) { return j.set.Users.SetRoles(ctx, id, roles, j.now) })
	if err != nil {
		return fmt.Errorf("change user %s: %w", id, err)
	}
	return nil
}
