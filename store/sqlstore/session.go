package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// sessions is a session.Store.
type sessions struct{ *DB }

const sessionColumns = `id, user_id, client_id, delivery, created_at, expires_at, birth_ip, birth_user_agent,
	generation, rotated_at, emitted_at, request_key, idle_until, seen_ip, seen_user_agent,
	revoked_at, revoked_reason, revoked_by`

func (d *dialect) scanSession(r row) (s session.Session, err error) {
	var birthIP, birthUserAgent text
	var seenIP, seenUserAgent sql.Null[text]
	var emitted sql.Null[instant]
	err = r.Scan((*id)(&s.ID), (*id)(&s.UserID), (*text)(&s.ClientID), &s.Delivery, (*instant)(&s.CreatedAt), (*instant)(&s.ExpiresAt),
		&birthIP, &birthUserAgent,
		(*counter)(&s.Generation), (*instant)(&s.RotatedAt), &emitted, (*id)(&s.RequestKey), (*instant)(&s.IdleUntil),
		&seenIP, &seenUserAgent,
		(*instant)(&s.Tombstone.At), (*text)(&s.Tombstone.Reason), (*text)(&s.Tombstone.By))
	if err != nil {
		return s, err
	}
	if s.EmittedAt = s.RotatedAt; emitted.Valid {
		s.EmittedAt = time.Time(emitted.V)
	}
	if s.Birth, err = d.origin(birthIP, birthUserAgent); err != nil {
		return s, err
	}
	if s.LastSeen = s.Birth; seenIP.Valid || seenUserAgent.Valid {
		if !seenIP.Valid {
			seenIP.V = birthIP
		}
		if !seenUserAgent.Valid {
			seenUserAgent.V = birthUserAgent
		}
		s.LastSeen, err = d.origin(seenIP.V, seenUserAgent.V)
	}
	return s, err
}

func (s sessions) Begin(ctx context.Context, new session.Session) error {
	d, text := s.dialect, s.dialect.text
	// Most sessions are seen where they were born: that is not kept twice.
	unless := func(birth, seen string, param func(string) any) any {
		if seen == birth {
			return nil
		}
		return param(seen)
	}
	columns, values := sessionColumns, []any{
		new.ID[:], new.UserID[:], text(new.ClientID), int64(new.Delivery), micros(new.CreatedAt), micros(new.ExpiresAt),
		d.ip(new.Birth.IP), d.agent(new.Birth.UserAgent),
		int64(new.Generation), micros(new.RotatedAt), d.emitted(new.Register), new.RequestKey[:], micros(new.IdleUntil),
		unless(new.Birth.IP, new.LastSeen.IP, d.ip), unless(new.Birth.UserAgent, new.LastSeen.UserAgent, d.agent),
		microsOrNull(new.Tombstone.At), d.unlessEmpty(string(new.Tombstone.Reason)), d.unlessEmpty(new.Tombstone.By),
	}
	if s.dialect.place != nil {
		columns, values = columns+`, place`, append(values, s.dialect.place(new.ID))
	}
	_, err := s.exec(ctx, `INSERT INTO watchword_sessions (`+columns+`) VALUES (?`+strings.Repeat(`, ?`, len(values)-1)+`)`, values...)
	if err != nil && s.dialect.duplicate(err) {
		return session.ErrExists
	}
	return s.fault(ctx, err)
}

func (s sessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	answer, err := s.sessions.Do(ctx, id)
	switch {
	case err != nil:
		return session.Session{}, s.fault(ctx, err)
	case !answer.known:
		return session.Session{}, session.ErrNotFound
	}
	return answer.value, nil
}

// findAll is the batch behind Find.
func (s sessions) findAll(ctx context.Context, ids []session.ID) ([]found[session.Session], error) {
	among, args := s.dialect.amongSessions(flat(ids))
	list, err := byID(ctx, s.DB, s.dialect.scanSession, `SELECT `+s.dialect.sessionRow()+` FROM watchword_sessions WHERE `+among, args)
	if err != nil {
		return nil, err
	}
	known := make(map[session.ID]session.Session, len(list))
	for _, one := range list {
		known[one.ID] = one
	}
	answers := make([]found[session.Session], len(ids))
	for i, id := range ids {
		answers[i].value, answers[i].known = known[id]
	}
	return answers, nil
}

func (s sessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	it, args := s.dialect.session(id)
	args = append([]any{micros(t.At), s.dialect.text(string(t.Reason)), s.dialect.text(t.By)}, args...)
	changed, err := s.exec(ctx, `UPDATE watchword_sessions SET revoked_at = ?, revoked_reason = ?, revoked_by = ? WHERE `+it+` AND revoked_at IS NULL`, args...)
	if err == nil && changed == 0 && s.dialect.confirm != "" {
		// Somebody else's revocation is acknowledged again. It may be here and not
		// yet where durable commits must be, too: a commit that waits for a replica
		// and is given up takes effect all the same. One that comes after it waits
		// for both.
		_, err = s.exec(ctx, s.dialect.confirm)
	}
	return changed > 0, s.fault(ctx, err)
}

func (s sessions) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	ended, err := change(ctx, s.DB, func(ctx context.Context, tx *sql.Tx) ([]session.ID, error) {
		theirs, args := s.dialect.ofUser(user)
		live, err := all(ctx, s.DB, tx, scanned[id],
			`SELECT id FROM watchword_sessions WHERE `+theirs+` AND id <> ? AND revoked_at IS NULL ORDER BY id`+s.dialect.forUpdate, append(args, except[:])...)
		if err != nil {
			return nil, err
		}
		if len(live) == 0 && s.dialect.confirm != "" { // as in Revoke
			_, err := tx.ExecContext(ctx, s.dialect.confirm)
			return nil, err
		}
		for chunk := range chunks(live) {
			among, args := s.dialect.amongSessions(chunk)
			args = append([]any{micros(t.At), s.dialect.text(string(t.Reason)), s.dialect.text(t.By)}, args...)
			if _, err := tx.ExecContext(ctx, s.dialect.sql(`UPDATE watchword_sessions SET revoked_at = ?, revoked_reason = ?, revoked_by = ? WHERE `+among), args...); err != nil {
				return nil, err
			}
		}
		var ended []session.ID
		for _, one := range live {
			ended = append(ended, session.ID(one))
		}
		return ended, nil
	})
	return ended, s.fault(ctx, err)
}

// alive has a sign before expires_at so that no database looks for the living,
// who are most, by the index that is for finding the expired.
const alive = `revoked_at IS NULL AND +expires_at > ? AND idle_until > ?`

func (s sessions) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	theirs, args := s.dialect.ofUser(user)
	list, err := all(ctx, s.DB, s.reading, s.dialect.scanSession,
		`SELECT `+s.dialect.sessionRow()+` FROM watchword_sessions WHERE `+theirs+` AND `+alive+` ORDER BY created_at DESC, id DESC`,
		append(args, micros(now), micros(now))...)
	return list, s.fault(ctx, err)
}

func (s sessions) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	list, err := all(ctx, s.DB, s.reading, func(r row) (v session.Revocation, err error) {
		return v, r.Scan((*id)(&v.Session), (*instant)(&v.At))
	}, `SELECT id, revoked_at FROM watchword_sessions WHERE revoked_at >= ?`, micros(at))
	return list, s.fault(ctx, err)
}

func (s sessions) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	var f filter
	if !q.User.IsZero() {
		theirs, args := s.dialect.ofUser(q.User)
		f.and(theirs, args...)
	}
	if !q.Alive.IsZero() {
		f.and(alive, micros(q.Alive), micros(q.Alive))
	}
	if !q.Before.IsZero() {
		earlier, args := s.dialect.earlier("created_at", micros(q.Before))
		f.and(earlier, args...)
	}
	list, err := all(ctx, s.DB, s.reading, s.dialect.scanSession,
		`SELECT `+s.dialect.sessionRow()+` FROM watchword_sessions`+f.where()+` ORDER BY `+s.dialect.inOrder("created_at", " DESC")+`, id DESC LIMIT ?`, append(f.args, page(q.Limit))...)
	return list, s.fault(ctx, err)
}

func (s sessions) Count(ctx context.Context, now time.Time) (int, error) {
	counts, err := all(ctx, s.DB, s.reading, scanned[int], `SELECT count(*) FROM watchword_sessions WHERE `+alive, micros(now), micros(now))
	if err != nil {
		return 0, s.fault(ctx, err)
	}
	return counts[0], nil
}

func (s sessions) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	old, args := s.dialect.earlier("expires_at", micros(before))
	n, err := s.forget(ctx, "watchword_sessions", old, args, s.dialect.inOrder("expires_at", ""), s.dialect.amongSessions, limit)
	return n, s.fault(ctx, err)
}
