package mongostore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// Options are what an operator may choose. The zero value is good.
type Options struct {
	Logger *slog.Logger // default: slog.Default

	// DurableRotations has Advance, too, in the journal before it returns. It is
	// for a session.Policy whose MinAge is below session.SyncWithin.
	DurableRotations bool
}

// DB is an open database with Watchword's collections. It is safe for concurrent use.
type DB struct {
	client   *mongo.Client
	database *mongo.Database // majority, journalled
	logger   *slog.Logger
	closed   atomic.Bool

	users, sessions, keys, events, parcels, versions *mongo.Collection
	// finding reads what a majority agrees on at this moment; rotating writes to
	// the memory of a majority, and touching as well.
	finding, rotating, touching *mongo.Collection

	foundSessions *batch.Gatherer[session.ID, found[session.Session]]
	foundUsers    *batch.Gatherer[account.ID, found[account.User]]
}

const (
	// patience is how long a server is looked for.
	patience = 5 * time.Second
	// limit is how long a verb may take, if its context says nothing.
	limit = patience + 5*time.Second
)

// found is what a batched look-up answers for one id.
type found[T any] struct {
	value T
	known bool
}

// Open opens the database that an address names, and brings its collections up to
// date:
//
//	mongodb://USER:PASSWORD@HOST:27017/DATABASE?authSource=admin
//	mongodb://HOST,HOST,HOST/DATABASE?replicaSet=NAME&tls=true
//	mongodb+srv://USER:PASSWORD@CLUSTER/DATABASE
//
// The parameters are the driver's; read preference, read concern and write concern
// are the store's own whatever they say. Any number of nodes may share one
// database. An address that cannot be used is ErrAddress; a database that a newer
// program has migrated is ErrNewer.
func Open(ctx context.Context, address string, o Options) (*DB, error) {
	db, err := connect(ctx, address, o)
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := (events{db}).deliver(ctx); err != nil {
		return nil, errors.Join(db.fault(ctx, err), db.Close())
	}
	return db, nil
}

// connect opens the database as it is.
func connect(ctx context.Context, address string, o Options) (*DB, error) {
	name, err := databaseOf(address)
	if err != nil {
		return nil, err
	}
	settings, err := settingsOf(address)
	if err != nil {
		return nil, err
	}
	durable := &writeconcern.WriteConcern{W: "majority", Journal: pointer(true)}
	settings.SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Local()).SetWriteConcern(durable)
	client, err := mongo.Connect(settings)
	if err != nil {
		return nil, malformed(address, err)
	}
	db := &DB{client: client, database: client.Database(name), logger: o.Logger}
	if db.logger == nil {
		db.logger = slog.Default()
	}
	replicated, err := db.replicated(ctx)
	if err != nil {
		return nil, errors.Join(db.fault(ctx, err), db.Close())
	}
	db.users, db.sessions, db.keys = db.database.Collection("watchword_users"), db.database.Collection("watchword_sessions"), db.database.Collection("watchword_keys")
	db.events, db.parcels, db.versions = db.database.Collection("watchword_events"), db.database.Collection("watchword_parcels"), db.database.Collection("watchword_versions")
	reading, writing := options.Collection(), options.Collection()
	if replicated {
		reading.SetReadConcern(readconcern.Linearizable())
	}
	if !o.DurableRotations {
		writing.SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: pointer(false)})
	}
	db.finding, db.rotating = db.database.Collection("watchword_sessions", reading), db.database.Collection("watchword_sessions", writing)
	db.touching = db.database.Collection("watchword_versions", writing)
	db.foundSessions = batch.New(limit, sessions{db}.findAll)
	db.foundUsers = batch.New(limit, users{db}.findAll)
	return db, nil
}

func pointer[T any](value T) *T { return &value }

// databaseOf is the name of the database in an address.
func databaseOf(address string) (string, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	_, path, _ := strings.Cut(rest, "/") // there is none in a user's name or password: it would be %2F
	escaped, _, _ := strings.Cut(path, "?")
	name, err := url.PathUnescape(escaped)
	if err != nil || name == "" || scheme != "mongodb" && scheme != "mongodb+srv" {
		return "", fmt.Errorf("%w; write it as mongodb://USER:PASSWORD@HOST:27017/DATABASE", ErrAddress)
	}
	return name, nil
}

// settingsOf reads an address, and adds limits where it sets none: nobody waits for
// ever for a server that is not there.
func settingsOf(address string) (*options.ClientOptions, error) {
	o := options.Client().ApplyURI(address)
	if err := o.Validate(); err != nil {
		return nil, malformed(address, err)
	}
	if o.AppName == nil {
		o.SetAppName("watchword")
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(patience)
	}
	if o.ConnectTimeout == nil {
		o.SetConnectTimeout(patience)
	}
	if o.Timeout == nil {
		o.SetTimeout(limit)
	}
	return o, nil
}

// malformed is what the driver says of an address. What it says may repeat a part
// of it, so that of an address with a password it is not told.
func malformed(address string, err error) error {
	const mending = "write it as mongodb://USER:PASSWORD@HOST:27017/DATABASE, with %40 for @, %3A for : and %2F for / in the password"
	if strings.Contains(address, "@") {
		return fmt.Errorf("%w; %s", ErrAddress, mending)
	}
	return fmt.Errorf("%w: %v; %s", ErrAddress, err, mending)
}

// replicated reports whether the server is one of several, or stands before them.
func (db *DB) replicated(ctx context.Context) (bool, error) {
	var hello struct {
		SetName string `bson:"setName"`
		Message string `bson:"msg"`
	}
	err := db.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	return hello.SetName != "" || hello.Message == "isdbgrid", err
}

// Set is the four stores in this database.
func (db *DB) Set() store.Set {
	return store.Set{Users: users{db}, Sessions: sessions{db}, Keys: keys{db}, Events: events{db}}
}

// Writable writes something, as a rotation is written, and fails if that did: the server
// is no primary, lacks its majority or its disk, or this user only reads. Reading
// alone would not show it.
func (db *DB) Writable(ctx context.Context) error {
	// Every database has the document of the first step. What stays as it is would not be written.
	_, err := db.touching.UpdateByID(ctx, int64(1), fields{field("$set", fields{field("written", micros(time.Now()))})})
	return db.fault(ctx, err)
}

// Close closes the connections. What is asked of the stores afterwards fails.
func (db *DB) Close() error {
	db.closed.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := db.client.Disconnect(ctx); err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("close MongoDB: %w", err)
	}
	return nil
}

// field and fields are short forms of documents.
type fields = bson.D

func field(name string, value any) bson.E { return bson.E{Key: name, Value: value} }

// collect reads an answer to its end and translates what it holds.
func collect[D, T any](ctx context.Context, cursor *mongo.Cursor, err error, translate func(D) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var documents []D
	if err := cursor.All(ctx, &documents); err != nil {
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

// forget removes at most most documents whose time lies before a given one, the
// oldest first, a few with each command.
func (db *DB) forget(ctx context.Context, c *mongo.Collection, when string, before int64, most int) (int, error) {
	const chunk = 500
	old := fields{field(when, fields{field("$lt", before)})}
	total := 0
	for total < most {
		n := min(most-total, chunk)
		cursor, err := c.Find(ctx, old, options.Find().SetSort(fields{field(when, 1)}).SetLimit(int64(n)).SetProjection(fields{field("_id", 1)}))
		ids, err := collect(ctx, cursor, err, func(d struct {
			ID any `bson:"_id"`
		}) (any, error) {
			return d.ID, nil
		})
		if err != nil || len(ids) == 0 {
			return total, err
		}
		result, err := c.DeleteMany(ctx, append(fields{field("_id", fields{field("$in", ids)})}, old...))
		if err != nil {
			return total, err
		}
		total += int(result.DeletedCount)
		if len(ids) < n {
			break
		}
	}
	return total, nil
}
