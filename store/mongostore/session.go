package mongostore

import (
	"context"
	"crypto/rand"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// sessions is a session.Store.
type sessions struct{ *DB }

// sessionDocument is a session.Session in the database.
type sessionDocument struct {
	ID       bson.Binary    `bson:"_id"`
	User     bson.Binary    `bson:"user"`
	Client   string         `bson:"client"`
	Delivery int32          `bson:"delivery"`
	Created  int64          `bson:"created"`
	Expires  int64          `bson:"expires"`
	Birth    originDocument `bson:"birth"`

	Register registerDocument `bson:",inline"`

	Revoked *int64 `bson:"revoked,omitempty"`
	Reason  string `bson:"reason,omitempty"`
	By      string `bson:"by,omitempty"`
	// Call is of the RevokeUser that ended the session.
	Call *bson.Binary `bson:"call,omitempty"`
}

// registerDocument is the fields that an Advance replaces. None of them is in an
// index.
type registerDocument struct {
	Generation int64           `bson:"generation"`
	Rotated    int64           `bson:"rotated"`
	Emitted    int64           `bson:"emitted"`
	RequestKey bson.Binary     `bson:"key"`
	Idle       int64           `bson:"idle"`
	Seen       *originDocument `bson:"seen,omitempty"` // missing: as at birth
}

type originDocument struct {
	IP        string `bson:"ip"`
	UserAgent string `bson:"agent"`
}

func newOrigin(o session.Origin) originDocument { return originDocument{text(o.IP), text(o.UserAgent)} }

func (d originDocument) origin() session.Origin {
	return session.Origin{IP: bytesOf(d.IP), UserAgent: bytesOf(d.UserAgent)}
}

func newRegister(r session.Register) registerDocument {
	seen := newOrigin(r.LastSeen)
	return registerDocument{
		Generation: int64(r.Generation), Rotated: micros(r.RotatedAt), Emitted: micros(r.EmittedAt),
		RequestKey: raw(r.RequestKey), Idle: micros(r.IdleUntil), Seen: &seen,
	}
}

func (d sessionDocument) session() (session.Session, error) {
	var ids [3][16]byte
	for i, b := range []bson.Binary{d.ID, d.User, d.Register.RequestKey} {
		var err error
		if ids[i], err = to16(b); err != nil {
			return session.Session{}, err
		}
	}
	seen := d.Birth
	if d.Register.Seen != nil {
		seen = *d.Register.Seen
	}
	return session.Session{
		ID: ids[0], UserID: ids[1], ClientID: bytesOf(d.Client), Delivery: session.Delivery(d.Delivery),
		CreatedAt: instant(d.Created), ExpiresAt: instant(d.Expires), Birth: d.Birth.origin(),
		Register: session.Register{
			Generation: uint64(d.Register.Generation), RotatedAt: instant(d.Register.Rotated), EmittedAt: instant(d.Register.Emitted),
			RequestKey: ids[2], IdleUntil: instant(d.Register.Idle), LastSeen: seen.origin(),
		},
		Tombstone: session.Tombstone{At: instantOrNone(d.Revoked), Reason: session.Reason(bytesOf(d.Reason)), By: bytesOf(d.By)},
	}, nil
}

func (s sessions) Begin(ctx context.Context, new session.Session) error {
	d := sessionDocument{
		ID: raw(new.ID), User: named(new.UserID), Client: text(new.ClientID), Delivery: int32(new.Delivery),
		Created: micros(new.CreatedAt), Expires: micros(new.ExpiresAt), Birth: newOrigin(new.Birth),
		Register: newRegister(new.Register),
		Revoked:  microsOrNone(new.Tombstone.At), Reason: text(string(new.Tombstone.Reason)), By: text(new.Tombstone.By),
	}
	if new.LastSeen == new.Birth {
		d.Register.Seen = nil
	}
	err := s.sessions.insert(ctx, d)
	if mongo.IsDuplicateKeyError(err) {
		return session.ErrExists
	}
	return s.fault(ctx, err)
}

func (s sessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	answer, err := s.foundSessions.Do(ctx, id)
	switch {
	case err != nil:
		return session.Session{}, s.fault(ctx, err)
	case !answer.known:
		return session.Session{}, session.ErrNotFound
	}
	return answer.value, nil
}

// findAll is the batch behind Find. Each document is found by its own immutable
// _id, and the server confirms after reading them that it is the primary still: so
// much of "linearizable" holds for several documents as for one.
func (s sessions) findAll(ctx context.Context, ids []session.ID) ([]found[session.Session], error) {
	return findAll(ctx, s.finding, ids, raw, sessionDocument.session, func(one session.Session) session.ID { return one.ID })
}

// findAll finds documents by their ids.
func findAll[ID ~[16]byte, D, T any](ctx context.Context, c collection, ids []ID, stored func(ID) bson.Binary, translate func(D) (T, error), idOf func(T) ID) ([]found[T], error) {
	wanted := make(bson.A, len(ids))
	for i, id := range ids {
		wanted[i] = stored(id)
	}
	// One answer holds all: another could come from another primary.
	n := len(ids)
	list, err := find(ctx, c, fields{field("_id", fields{field("$in", wanted)})}, options.Find().SetLimit(int64(n)).SetBatchSize(int32(n)), translate)
	if err != nil {
		return nil, err
	}
	known := make(map[ID]T, len(list))
	for _, one := range list {
		known[idOf(one)] = one
	}
	answers := make([]found[T], len(ids))
	for i, id := range ids {
		answers[i].value, answers[i].known = known[id]
	}
	return answers, nil
}

// living is the condition that a session is not revoked: the field is missing.
var living = field("revoked", nil)

func (s sessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	if next.Generation < from {
		return false, ctx.Err() // a register never goes back
	}
	writing := s.rotating
	if next.Generation == from {
		// What a client holds proves a lost rotation, but not that its token was
		// handed out again.
		writing = s.sessions
	}
	won, err := writing.update(ctx, fields{field("_id", raw(id)), field("generation", int64(from)), living}, fields{field("$set", newRegister(next))})
	return won, s.fault(ctx, err)
}

func (s sessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	ended, err := s.sessions.update(ctx, fields{field("_id", raw(id)), living}, fields{field("$set", tombstone(t))})
	return ended, s.fault(ctx, err)
}

func tombstone(t session.Tombstone) fields {
	return fields{field("revoked", micros(t.At)), field("reason", text(string(t.Reason))), field("by", text(t.By))}
}

// RevokeUser ends each session by itself, and marks it as ended by this call: what
// is marked is what it ended. One that breaks off has ended some and tells an
// error; when it is called again it ends the others.
func (s sessions) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	var call [16]byte
	rand.Read(call[:])
	mine := fields{field("user", named(user)), field("_id", fields{field("$ne", raw(except))}), living}
	some, err := s.sessions.updateAll(ctx, mine, fields{field("$set", append(tombstone(t), field("call", raw(call))))})
	if !some || err != nil {
		return nil, s.fault(ctx, err)
	}
	ids := options.Find().SetProjection(fields{field("_id", 1)})
	ended, err := find(ctx, s.sessions, fields{field("user", named(user)), field("call", raw(call))}, ids, func(d struct {
		ID bson.Binary `bson:"_id"`
	}) (session.ID, error) {
		id, err := to16(d.ID)
		return id, err
	})
	return ended, s.fault(ctx, err)
}

// alive is the condition that a session lives at a time.
func alive(now time.Time) fields {
	later := fields{field("$gt", micros(now))}
	return fields{living, field("expires", later), field("idle", later)}
}

// newest is the order of lists.
var newest = fields{field("created", -1), field("_id", -1)}

func (s sessions) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	list, err := find(ctx, s.sessions, append(fields{field("user", named(user))}, alive(now)...), options.Find().SetSort(newest), sessionDocument.session)
	return list, s.fault(ctx, err)
}

func (s sessions) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	when := options.Find().SetProjection(fields{field("revoked", 1)})
	list, err := find(ctx, s.sessions, fields{field("revoked", fields{field("$gte", micros(at))})}, when, func(d struct {
		ID      bson.Binary `bson:"_id"`
		Revoked int64       `bson:"revoked"`
	}) (session.Revocation, error) {
		id, err := to16(d.ID)
		return session.Revocation{Session: id, At: instant(d.Revoked)}, err
	})
	return list, s.fault(ctx, err)
}

func (s sessions) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	filter := fields{}
	if !q.User.IsZero() {
		filter = append(filter, field("user", named(q.User)))
	}
	if !q.Alive.IsZero() {
		filter = append(filter, alive(q.Alive)...)
	}
	if !q.Before.IsZero() {
		filter = append(filter, field("created", fields{field("$lt", micros(q.Before))}))
	}
	list, err := find(ctx, s.sessions, filter, options.Find().SetSort(newest).SetLimit(page(q.Limit)), sessionDocument.session)
	return list, s.fault(ctx, err)
}

func (s sessions) Count(ctx context.Context, now time.Time) (int, error) {
	n, err := s.sessions.count(ctx, alive(now))
	return n, s.fault(ctx, err)
}

func (s sessions) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := forget(ctx, s.sessions, "expires", micros(before), limit)
	return n, s.fault(ctx, err)
}
