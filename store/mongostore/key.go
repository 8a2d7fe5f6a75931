package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/watchwordauth/watchword/signing"
)

// keys is a signing.Store.
type keys struct{ *DB }

// keyDocument is a signing.Record in the database.
type keyDocument struct {
	Number    int64       `bson:"_id"`
	ID        string      `bson:"id"`
	Algorithm string      `bson:"algorithm"`
	Public    bson.Binary `bson:"public"`
	Sealed    bson.Binary `bson:"sealed"`
	Created   int64       `bson:"created"`
	Active    int64       `bson:"active"`
	Retired   *int64      `bson:"retired,omitempty"`
	Revoked   *int64      `bson:"revoked,omitempty"`
}

func (d keyDocument) record() (signing.Record, error) {
	return signing.Record{
		Number: int(d.Number), ID: bytesOf(d.ID), Algorithm: bytesOf(d.Algorithm), Public: d.Public.Data, Sealed: d.Sealed.Data,
		CreatedAt: instant(d.Created), ActiveAt: instant(d.Active), RetiredAt: instantOrNone(d.Retired), RevokedAt: instantOrNone(d.Revoked),
	}, nil
}

func (s keys) Keys(ctx context.Context) ([]signing.Record, error) {
	list, err := find(ctx, s.keys, fields{}, options.Find().SetSort(fields{field("_id", 1)}), keyDocument.record)
	return list, s.fault(ctx, err)
}

func (s keys) Add(ctx context.Context, r signing.Record) error {
	err := s.keys.insert(ctx, keyDocument{
		Number: int64(r.Number), ID: text(r.ID), Algorithm: text(r.Algorithm), Public: bson.Binary{Data: r.Public}, Sealed: bson.Binary{Data: r.Sealed},
		Created: micros(r.CreatedAt), Active: micros(r.ActiveAt), Retired: microsOrNone(r.RetiredAt), Revoked: microsOrNone(r.RevokedAt),
	})
	if mongo.IsDuplicateKeyError(err) {
		return signing.ErrTaken
	}
	return s.fault(ctx, err)
}

func (s keys) Retire(ctx context.Context, id string, at time.Time) error {
	return s.stamp(ctx, id, "retired", at)
}

func (s keys) Revoke(ctx context.Context, id string, at time.Time) error {
	return s.stamp(ctx, id, "revoked", at)
}

// stamp sets a time that is not set yet.
func (s keys) stamp(ctx context.Context, id, what string, at time.Time) error {
	if at.IsZero() {
		return ctx.Err()
	}
	_, err := s.keys.update(ctx, fields{field("id", text(id)), field(what, nil)}, fields{field("$set", fields{field(what, micros(at))})})
	return s.fault(ctx, err)
}

func (s keys) Remove(ctx context.Context, id string) error {
	err := s.keys.removeOne(ctx, fields{field("id", text(id))})
	return s.fault(ctx, err)
}
