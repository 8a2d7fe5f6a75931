package mongostore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/watchwordauth/watchword/audit"
)

// events is an audit.Store.
type events struct{ *DB }

// eventDocument is an audit.Event in the database.
type eventDocument struct {
	ID        bson.Binary      `bson:"_id"`
	At        int64            `bson:"at"`
	Type      string           `bson:"type"`
	User      string           `bson:"user,omitempty"`
	Session   string           `bson:"session,omitempty"`
	Actor     string           `bson:"actor"`
	IP        string           `bson:"ip"`
	UserAgent string           `bson:"agent"`
	Detail    []detailDocument `bson:"detail,omitempty"` // names may hold what a field's must not
}

type detailDocument struct {
	Name  string `bson:"name"`
	Value string `bson:"value"`
}

func newEvent(e audit.Event) eventDocument {
	d := eventDocument{
		ID: named(e.ID), At: micros(e.At), Type: text(string(e.Type)), User: text(e.User), Session: text(e.Session),
		Actor: text(e.Actor), IP: text(e.IP), UserAgent: text(e.UserAgent),
	}
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		d.Detail = append(d.Detail, detailDocument{text(name), text(e.Detail[name])})
	}
	return d
}

func (d eventDocument) event() (audit.Event, error) {
	id, err := to16(d.ID)
	e := audit.Event{
		ID: id, At: instant(d.At), Type: audit.Type(bytesOf(d.Type)), User: bytesOf(d.User), Session: bytesOf(d.Session),
		Actor: bytesOf(d.Actor), IP: bytesOf(d.IP), UserAgent: bytesOf(d.UserAgent),
	}
	if len(d.Detail) > 0 {
		e.Detail = make(map[string]string, len(d.Detail))
		for _, one := range d.Detail {
			e.Detail[bytesOf(one.Name)] = bytesOf(one.Value)
		}
	}
	return e, err
}

// parcelDocument is several events that are recorded at once. Each event is to have
// a document of its own, but only one document is written whole or not at all:
// so they are written as a parcel first, and then delivered. A parcel that nobody
// delivered, because its node crashed, is delivered before events are read.
type parcelDocument struct {
	ID     bson.ObjectID   `bson:"_id"`
	Events []eventDocument `bson:"events"`
}

func (s events) Record(ctx context.Context, events ...audit.Event) error {
	var documents []eventDocument
	for _, e := range events {
		documents = append(documents, newEvent(e))
	}
	switch len(documents) {
	case 0:
		return ctx.Err()
	case 1:
		err := s.events.insert(ctx, documents[0])
		if mongo.IsDuplicateKeyError(err) {
			return nil
		}
		return s.fault(ctx, err)
	}
	parcel := parcelDocument{bson.NewObjectID(), documents}
	if err := s.parcels.insert(ctx, parcel); err != nil {
		return s.fault(ctx, err)
	}
	if err := s.deliverOne(ctx, parcel); err != nil {
		s.logger.Warn("events were recorded, and are filed later", "err", s.fault(ctx, err))
	}
	return nil
}

// deliver files the events of all parcels that are left.
func (s events) deliver(ctx context.Context) error {
	left, err := find(ctx, s.parcels, fields{}, options.Find(), func(d parcelDocument) (parcelDocument, error) { return d, nil })
	for _, parcel := range left {
		err = errors.Join(err, s.deliverOne(ctx, parcel))
	}
	return err
}

// deliverOne files the events of a parcel. Several nodes may do so at once.
func (s events) deliverOne(ctx context.Context, parcel parcelDocument) error {
	if err := s.events.insertAll(ctx, parcel.Events); err != nil && !present(err) {
		return err
	}
	return s.parcels.removeOne(ctx, fields{field("_id", parcel.ID)})
}

// present reports whether all that an insertion lacked was there already.
func present(err error) bool {
	failed, ok := errors.AsType[mongo.BulkWriteException](err)
	return ok && failed.WriteConcernError == nil && !slices.ContainsFunc(failed.WriteErrors, func(e mongo.BulkWriteError) bool { return e.Code != 11000 })
}

func (s events) Events(ctx context.Context, q audit.Query) ([]audit.Event, error) {
	if err := s.deliver(ctx); err != nil {
		return nil, s.fault(ctx, err)
	}
	filter := fields{}
	for name, value := range map[string]string{"user": q.User, "session": q.Session, "type": string(q.Type)} {
		if value != "" {
			filter = append(filter, field(name, text(value)))
		}
	}
	if !q.Before.IsZero() {
		filter = append(filter, field("_id", fields{field("$lt", named(q.Before))}))
	}
	if !q.Since.IsZero() {
		filter = append(filter, field("at", fields{field("$gte", micros(q.Since))}))
	}
	list, err := find(ctx, s.events, filter, options.Find().SetSort(fields{field("_id", -1)}).SetLimit(page(q.Limit)), eventDocument.event)
	return list, s.fault(ctx, err)
}

func (s events) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := forget(ctx, s.events, "at", micros(before), limit)
	return n, s.fault(ctx, err)
}
