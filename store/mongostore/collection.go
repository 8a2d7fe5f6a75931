package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// collection is a collection of documents, with the few commands that the store
// needs. Whoever asks for one does not wait for a server that is away: presence.
type collection struct {
	documents *mongo.Collection
	server    *presence
}

func (c collection) insert(ctx context.Context, document any) error {
	_, err := ask(ctx, c.server, func(ctx context.Context) (*mongo.InsertOneResult, error) {
		return c.documents.InsertOne(ctx, document)
	})
	return err
}

// insertAll inserts all that can be, whatever becomes of the others.
func (c collection) insertAll(ctx context.Context, documents any) error {
	_, err := ask(ctx, c.server, func(ctx context.Context) (*mongo.InsertManyResult, error) {
		return c.documents.InsertMany(ctx, documents, options.InsertMany().SetOrdered(false))
	})
	return err
}

// update changes one document, and reports whether there was one.
func (c collection) update(ctx context.Context, filter, change fields) (bool, error) {
	result, err := ask(ctx, c.server, func(ctx context.Context) (*mongo.UpdateResult, error) {
		return c.documents.UpdateOne(ctx, filter, change)
	})
	return err == nil && result.MatchedCount == 1, err
}

// updateAll changes all that match, and reports whether there was one.
func (c collection) updateAll(ctx context.Context, filter, change fields) (bool, error) {
	result, err := ask(ctx, c.server, func(ctx context.Context) (*mongo.UpdateResult, error) {
		return c.documents.UpdateMany(ctx, filter, change)
	})
	return err == nil && result.MatchedCount > 0, err
}

// remove removes all that match, and counts them.
func (c collection) remove(ctx context.Context, filter fields) (int, error) {
	result, err := ask(ctx, c.server, func(ctx context.Context) (*mongo.DeleteResult, error) {
		return c.documents.DeleteMany(ctx, filter)
	})
	if err != nil {
		return 0, err
	}
	return int(result.DeletedCount), nil
}

func (c collection) removeOne(ctx context.Context, filter fields) error {
	_, err := ask(ctx, c.server, func(ctx context.Context) (*mongo.DeleteResult, error) {
		return c.documents.DeleteOne(ctx, filter)
	})
	return err
}

func (c collection) count(ctx context.Context, filter fields) (int, error) {
	n, err := ask(ctx, c.server, func(ctx context.Context) (int64, error) {
		return c.documents.CountDocuments(ctx, filter)
	})
	return int(n), err
}

// findOne finds one document, or mongo.ErrNoDocuments.
func findOne[D any](ctx context.Context, c collection, filter fields) (D, error) {
	return ask(ctx, c.server, func(ctx context.Context) (document D, err error) {
		err = c.documents.FindOne(ctx, filter).Decode(&document)
		return document, err
	})
}

// change changes one document and returns what became of it, or mongo.ErrNoDocuments.
func change[D any](ctx context.Context, c collection, filter, change fields) (D, error) {
	return ask(ctx, c.server, func(ctx context.Context) (document D, err error) {
		err = c.documents.FindOneAndUpdate(ctx, filter, change, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&document)
		return document, err
	})
}

// find reads all documents that match, and translates them.
func find[D, T any](ctx context.Context, c collection, filter fields, o *options.FindOptionsBuilder, translate func(D) (T, error)) ([]T, error) {
	documents, err := ask(ctx, c.server, func(ctx context.Context) (documents []D, err error) {
		cursor, err := c.documents.Find(ctx, filter, o)
		if err != nil {
			return nil, err
		}
		err = cursor.All(ctx, &documents)
		return documents, err
	})
	if err != nil {
		return nil, err
	}
	var list []T
	for _, document := range documents {
		value, err := translate(document)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}
