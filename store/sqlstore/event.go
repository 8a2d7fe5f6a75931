package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/watchwordauth/watchword/audit"
)

// events is an audit.Store.
type events struct{ *DB }

const eventColumns = `id, at, type, user_id, session_id, actor, ip, user_agent, detail`

func scanEvent(r row) (e audit.Event, err error) {
	err = r.Scan((*id)(&e.ID), (*instant)(&e.At), (*text)(&e.Type), (*text)(&e.User), (*text)(&e.Session),
		(*text)(&e.Actor), (*text)(&e.IP), (*text)(&e.UserAgent), (*detail)(&e.Detail))
	return e, err
}

func (s events) Record(ctx context.Context, events ...audit.Event) error {
	if len(events) == 0 {
		return ctx.Err()
	}
	text := s.dialect.text
	known := func(name string) any {
		if name == "" {
			return nil
		}
		return text(name)
	}
	rows := make([][]any, len(events)) // the caller's maps are not touched once the caller has left
	for i, e := range events {
		rows[i] = []any{e.ID[:], micros(e.At), text(string(e.Type)), known(e.User), known(e.Session),
			text(e.Actor), text(e.IP), text(e.UserAgent), text(packDetail(e.Detail))}
	}
	insert := s.dialect.sql(`INSERT INTO watchword_events (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ` + s.dialect.unlessID)
	_, err := change(ctx, s.DB, func(ctx context.Context, tx *sql.Tx) (struct{}, error) {
		for _, row := range rows {
			if _, err := tx.ExecContext(ctx, insert, row...); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return s.fault(ctx, err)
}

func (s events) Events(ctx context.Context, q audit.Query) ([]audit.Event, error) {
	var f filter
	if q.User != "" {
		f.and(`user_id = ?`, s.dialect.text(q.User))
	}
	if q.Session != "" {
		f.and(`session_id = ?`, s.dialect.text(q.Session))
	}
	if q.Type != "" {
		f.and(`type = ?`, s.dialect.text(string(q.Type)))
	}
	if !q.Before.IsZero() {
		f.and(`id < ?`, q.Before[:])
	}
	if !q.Since.IsZero() {
		f.and(`at >= ?`, micros(q.Since))
	}
	list, err := all(ctx, s.DB, s.reading, scanEvent,
		`SELECT `+eventColumns+` FROM watchword_events`+f.where()+` ORDER BY id DESC LIMIT ?`, append(f.args, page(q.Limit))...)
	return list, s.fault(ctx, err)
}

func (s events) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := s.forget(ctx, "watchword_events", `at < ?`, []any{micros(before)}, `at`, s.dialect.among, limit)
	return n, s.fault(ctx, err)
}
