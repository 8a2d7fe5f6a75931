package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// users is an account.Store.
type users struct{ *DB }

const userColumns = `id, username, username_key, email, email_key, password_hash, roles,
	block_at, block_reason, block_by, epoch, epoch_at, created_at`

func scanUser(r row) (u account.User, err error) {
	err = r.Scan(userTargets(&u)...)
	return u, err
}

// userTargets is where userColumns are scanned to.
func userTargets(u *account.User) []any {
	return []any{(*id)(&u.ID), (*text)(&u.Username), (*text)(&u.UsernameKey), (*text)(&u.Email), (*text)(&u.EmailKey),
		(*text)(&u.PasswordHash), (*roles)(&u.Roles),
		(*instant)(&u.Block.At), (*text)(&u.Block.Reason), (*text)(&u.Block.By),
		(*counter)(&u.Epoch), (*instant)(&u.EpochAt), (*instant)(&u.CreatedAt)}
}

func (s users) Add(ctx context.Context, u account.User) error {
	text := s.dialect.text
	var address any // NULL, which clashes with no other
	if u.EmailKey != "" {
		address = text(u.EmailKey)
	}
	_, err := s.exec(ctx, `INSERT INTO watchword_users (`+userColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		u.ID[:], text(u.Username), text(u.UsernameKey), text(u.Email), address, text(u.PasswordHash), text(packRoles(u.Roles)),
		microsOrNull(u.Block.At), text(u.Block.Reason), text(u.Block.By), int64(u.Epoch), micros(u.EpochAt), micros(u.CreatedAt))
	if err == nil || !s.dialect.duplicate(err) {
		return s.fault(ctx, err)
	}
	// Which of them is taken does not depend on the order in which the database
	// looks at its indexes.
	for _, unique := range []struct {
		column string
		key    string
		taken  error
	}{
		{"username_key", u.UsernameKey, account.ErrUsernameTaken},
		{"email_key", u.EmailKey, account.ErrEmailTaken},
	} {
		holders, err := all(ctx, s.DB, s.reading, scanned[int64], `SELECT 1 FROM watchword_users WHERE `+unique.column+` = ?`, text(unique.key))
		if err != nil {
			return s.fault(ctx, err)
		}
		if len(holders) > 0 {
			return unique.taken
		}
	}
	return fmt.Errorf("add user %s: the id is in use: %w", u.ID, err)
}

func (s users) Find(ctx context.Context, id account.ID) (account.User, error) {
	answer, err := s.users.Do(ctx, id)
	switch {
	case err != nil:
		return account.User{}, s.fault(ctx, err)
	case !answer.known:
		return account.User{}, account.ErrNotFound
	}
	return answer.value, nil
}

// findAll is the batch behind Find.
func (s users) findAll(ctx context.Context, ids []account.ID) ([]found[account.User], error) {
	among, args := s.dialect.among(flat(ids))
	list, err := byID(ctx, s.DB, scanUser, `SELECT `+userColumns+` FROM watchword_users WHERE `+among, args)
	if err != nil {
		return nil, err
	}
	known := make(map[account.ID]account.User, len(list))
	for _, u := range list {
		known[u.ID] = u
	}
	answers := make([]found[account.User], len(ids))
	for i, id := range ids {
		answers[i].value, answers[i].known = known[id]
	}
	return answers, nil
}

func (s users) FindByUsername(ctx context.Context, key string) (account.User, error) {
	return s.findBy(ctx, "username_key", key)
}

func (s users) FindByEmail(ctx context.Context, key string) (account.User, error) {
	return s.findBy(ctx, "email_key", key)
}

func (s users) findBy(ctx context.Context, column, key string) (account.User, error) {
	list, err := all(ctx, s.DB, s.reading, scanUser, `SELECT `+userColumns+` FROM watchword_users WHERE `+column+` = ?`, s.dialect.text(key))
	switch {
	case err != nil:
		return account.User{}, s.fault(ctx, err)
	case len(list) == 0:
		return account.User{}, account.ErrNotFound
	}
	return list[0], nil
}

func (s users) List(ctx context.Context, q account.Query) ([]account.User, error) {
	var f filter
	if q.Search != "" {
		username, usernameArgs := s.begins("username_key", q.Search)
		email, emailArgs := s.begins("email_key", q.Search)
		// Twice nested, so that MySQL, too, searches once and not for each user.
		f.and(`id IN (SELECT id FROM (SELECT id FROM watchword_users WHERE `+username+` UNION SELECT id FROM watchword_users WHERE `+email+`) AS named)`,
			append(usernameArgs, emailArgs...)...)
	}
	if q.Role != "" {
		f.and(s.dialect.contains, s.dialect.text(packRole(q.Role)))
	}
	if q.Blocked != nil {
		if *q.Blocked {
			f.and(`block_at IS NOT NULL`)
		} else {
			f.and(`block_at IS NULL`)
		}
	}
	if !q.Before.IsZero() {
		f.and(`id < ?`, q.Before[:])
	}
	list, err := all(ctx, s.DB, s.reading, scanUser,
		`SELECT `+userColumns+` FROM watchword_users`+f.where()+` ORDER BY id DESC LIMIT ?`, append(f.args, page(q.Limit))...)
	return list, s.fault(ctx, err)
}

// begins is the condition that a column begins with a prefix, for which an index
// can be used, and in which no character is a pattern.
func (s users) begins(column, prefix string) (string, []any) {
	end, bounded := after(prefix)
	if !bounded {
		return column + ` >= ?`, []any{s.dialect.text(prefix)}
	}
	return column + ` >= ? AND ` + column + ` < ?`, []any{s.dialect.text(prefix), s.dialect.text(end)}
}

func (s users) Count(ctx context.Context) (everyone, blocked int, err error) {
	counts, err := all(ctx, s.DB, s.reading, func(r row) (n [2]int, err error) { return n, r.Scan(&n[0], &n[1]) },
		`SELECT (SELECT count(*) FROM watchword_users), (SELECT count(*) FROM watchword_users WHERE block_at IS NOT NULL)`)
	if err != nil {
		return 0, 0, s.fault(ctx, err)
	}
	return counts[0][0], counts[0][1], nil
}

func (s users) ReplaceHash(ctx context.Context, id account.ID, old, new string) (bool, error) {
	if old == new { // MySQL counts only rows that it changed
		u, err := s.Find(ctx, id)
		if errors.Is(err, account.ErrNotFound) {
			return false, nil
		}
		return err == nil && u.PasswordHash == old, err
	}
	changed, err := s.exec(ctx, `UPDATE watchword_users SET password_hash = ? WHERE id = ? AND password_hash = ?`,
		s.dialect.text(new), id[:], s.dialect.text(old))
	return changed > 0, s.fault(ctx, err)
}

func (s users) SetPassword(ctx context.Context, id account.ID, hash string, at time.Time) (account.User, error) {
	return s.raise(ctx, id, at, `password_hash = ?`, s.dialect.text(hash))
}

func (s users) SetPasswordIf(ctx context.Context, id account.ID, epoch uint64, hash string, at time.Time) (account.User, bool, error) {
	user, err := s.raiseIf(ctx, id, at, `password_hash = ?`, []any{s.dialect.text(hash)}, ` AND epoch = ?`, int64(epoch))
	if errors.Is(err, account.ErrNotFound) {
		return account.User{}, false, nil
	}
	return user, err == nil, err
}

func (s users) SetRoles(ctx context.Context, id account.ID, roles []string, at time.Time) (account.User, error) {
	return s.raise(ctx, id, at, `roles = ?`, s.dialect.text(packRoles(roles)))
}

func (s users) SetBlock(ctx context.Context, id account.ID, block account.Block) (account.User, error) {
	return s.setBlock(ctx, id, block, block.At)
}

func (s users) ClearBlock(ctx context.Context, id account.ID, at time.Time) (account.User, error) {
	return s.setBlock(ctx, id, account.Block{}, at)
}

func (s users) setBlock(ctx context.Context, id account.ID, block account.Block, at time.Time) (account.User, error) {
	return s.raise(ctx, id, at, `block_at = ?, block_reason = ?, block_by = ?`,
		microsOrNull(block.At), s.dialect.text(block.Reason), s.dialect.text(block.By))
}

// raise changes one thing about a user, and the epoch with it.
func (s users) raise(ctx context.Context, id account.ID, at time.Time, set string, args ...any) (account.User, error) {
	return s.raiseIf(ctx, id, at, set, args, ``)
}

// raiseIf does so under a condition. A user that does not fulfil it is ErrNotFound.
func (s users) raiseIf(ctx context.Context, id account.ID, at time.Time, set string, args []any, condition string, more ...any) (account.User, error) {
	update := s.dialect.sql(`UPDATE watchword_users SET ` + set + `, epoch = epoch + 1, epoch_at = ? WHERE id = ?` + condition)
	list, err := change(ctx, s.DB, func(ctx context.Context, tx *sql.Tx) ([]account.User, error) {
		changed, err := affected(tx.ExecContext(ctx, update, slices.Concat(args, []any{micros(at), id[:]}, more)...))
		if err != nil || changed == 0 {
			return nil, err
		}
		return all(ctx, s.DB, tx, scanUser, `SELECT `+userColumns+` FROM watchword_users WHERE id = ?`, id[:])
	})
	switch {
	case err != nil:
		return account.User{}, s.fault(ctx, err)
	case len(list) == 0:
		return account.User{}, account.ErrNotFound
	}
	return list[0], nil
}

func (s users) EpochsSince(ctx context.Context, at time.Time) ([]account.EpochChange, error) {
	changes, err := all(ctx, s.DB, s.reading, func(r row) (c account.EpochChange, err error) {
		return c, r.Scan((*id)(&c.User), (*counter)(&c.Epoch), (*instant)(&c.At))
	}, `SELECT id, epoch, epoch_at FROM watchword_users WHERE epoch_at >= ?`, micros(at))
	return changes, s.fault(ctx, err)
}
