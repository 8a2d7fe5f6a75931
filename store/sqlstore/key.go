package sqlstore

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/signing"
)

// keys is a signing.Store.
type keys struct{ *DB }

const keyColumns = `number, id, algorithm, public, sealed, created_at, active_at, retired_at, revoked_at`

func scanKey(r row) (k signing.Record, err error) {
	err = r.Scan(&k.Number, (*text)(&k.ID), (*text)(&k.Algorithm), &k.Public, &k.Sealed,
		(*instant)(&k.CreatedAt), (*instant)(&k.ActiveAt), (*instant)(&k.RetiredAt), (*instant)(&k.RevokedAt))
	return k, err
}

func (s keys) Keys(ctx context.Context) ([]signing.Record, error) {
	list, err := all(ctx, s.DB, s.reading, scanKey, `SELECT `+keyColumns+` FROM watchword_keys ORDER BY number`)
	return list, s.fault(ctx, err)
}

func (s keys) Add(ctx context.Context, r signing.Record) error {
	notNil := func(b []byte) []byte { return append([]byte{}, b...) } // nil would be NULL
	_, err := s.exec(ctx, `INSERT INTO watchword_keys (`+keyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Number, s.dialect.text(r.ID), s.dialect.text(r.Algorithm), notNil(r.Public), notNil(r.Sealed),
		micros(r.CreatedAt), micros(r.ActiveAt), microsOrNull(r.RetiredAt), microsOrNull(r.RevokedAt))
	if err != nil && s.dialect.duplicate(err) {
		return signing.ErrTaken
	}
	return s.fault(ctx, err)
}

func (s keys) Retire(ctx context.Context, id string, at time.Time) error {
	_, err := s.exec(ctx, `UPDATE watchword_keys SET retired_at = ? WHERE id = ? AND retired_at IS NULL`, microsOrNull(at), s.dialect.text(id))
	return s.fault(ctx, err)
}

func (s keys) Revoke(ctx context.Context, id string, at time.Time) error {
	_, err := s.exec(ctx, `UPDATE watchword_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`, microsOrNull(at), s.dialect.text(id))
	return s.fault(ctx, err)
}

func (s keys) Remove(ctx context.Context, id string) error {
	_, err := s.exec(ctx, `DELETE FROM watchword_keys WHERE id = ?`, s.dialect.text(id))
	return s.fault(ctx, err)
}
