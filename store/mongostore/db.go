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
	server   *presence
	logger   *slog.Logger
	closed   atomic.Bool

	users, sessions, keys, events, parcels, versions collection
	// finding reads what a majority agrees on at this moment; rotating writes to
	// the memory of a majority, and touching as well.
	finding, rotating, touching collection

	foundSessions *batch.Gatherer[session.ID, found[session.Session]]
	foundUsers    *batch.Gatherer[account.ID, found[account.User]]
}

const (
	// patience is how long a server that takes writes is waited for, from when it was
	// heard of last: a primary that steps down is replaced by then, and one that died
	// is not. A connection of the pool is waited for as long.
	patience = 3 * time.Second
	// heartbeat is how often each server is asked how it is, and connectWithin how long
	// it may take to be connected to, or to say how it is. One that falls silent is known
	// to have done so within the sum of them, which is patience; one that comes back is
	// used within a heartbeat.
	heartbeat     = time.Second
	connectWithin = 2 * time.Second
	// limit is how long a verb, or a batch of them, may take on a server that is there, if
	// the context says nothing.
	limit = 10 * time.Second
	// connections is how many a server is asked for at most, beside the two that listen
	// how it is. Look-ups share a batch; a rotation holds one for a round trip.
	connections = 16
	// idleWithin is when a connection that nobody needs is closed: before a firewall
	// in between forgets it without a word.
	idleWithin = 5 * time.Minute
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
// are the store's own whatever they say. Where they say nothing a server that is not
// there is waited for for three seconds (serverSelectionTimeoutMS), asked each second how
// it is (heartbeatFrequencyMS) and used over at most sixteen connections (maxPoolSize).
// Any number of nodes may share one database. An address that cannot be used is ErrAddress; a database that a newer
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
	server := newPresence(patienceOf(settings))
	settings.SetServerMonitor(server.monitor())
	client, err := mongo.Connect(settings)
	if err != nil {
		server.close()
		return nil, malformed(address, err)
	}
	db := &DB{client: client, database: client.Database(name), server: server, logger: o.Logger}
	if db.logger == nil {
		db.logger = slog.Default()
	}
	replicated, err := db.replicated(ctx)
	if err != nil {
		return nil, errors.Join(db.fault(ctx, err), db.Close())
	}
	named := func(name string, o ...options.Lister[options.CollectionOptions]) collection {
		return collection{db.database.Collection("watchword_"+name, o...), server}
	}
	db.users, db.sessions, db.keys = named("users"), named("sessions"), named("keys")
	db.events, db.parcels, db.versions = named("events"), named("parcels"), named("versions")
	reading, writing := options.Collection(), options.Collection()
	if replicated {
		reading.SetReadConcern(readconcern.Linearizable())
	}
	if !o.DurableRotations {
		writing.SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: pointer(false)})
	}
	db.finding, db.rotating, db.touching = named("sessions", reading), named("sessions", writing), named("versions", writing)
	within := limit
	if *settings.Timeout > 0 { // a batch, for which the next ones wait, is bounded whatever the address says
		within = *settings.Timeout
	}
	db.foundSessions = batch.New(within, sessions{db}.findAll)
	db.foundUsers = batch.New(within, users{db}.findAll)
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
// ever for a server that is not there, and none is asked for more than is useful.
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
		o.SetConnectTimeout(connectWithin)
	}
	if o.HeartbeatInterval == nil {
		o.SetHeartbeatInterval(heartbeat)
	}
	if o.MaxConnIdleTime == nil {
		o.SetMaxConnIdleTime(idleWithin)
	}
	if o.MaxPoolSize == nil {
		most := uint64(connections)
		if o.MinPoolSize != nil {
			most = max(most, *o.MinPoolSize)
		}
		o.SetMaxPoolSize(most)
	}
	if o.Timeout == nil {
		o.SetTimeout(limit)
	}
	return o, nil
}

// patienceOf is how long servers are waited for, from when one was heard of last. Where
// they are asked less often than usual that is longer ago when one is lost: an
// election is waited for all the same.
func patienceOf(o *options.ClientOptions) time.Duration {
	if *o.ServerSelectionTimeout <= 0 {
		return 0
	}
	return *o.ServerSelectionTimeout + max(0, *o.HeartbeatInterval-heartbeat)
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
	_, err := ask(ctx, db.server, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, db.client.Database("admin").RunCommand(ctx, fields{field("hello", 1)}).Decode(&hello)
	})
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
	there, err := db.touching.update(ctx, fields{field("_id", int64(1))}, fields{field("$set", fields{field("written", micros(time.Now()))})})
	if err == nil && !there {
		return errEmptied
	}
	return db.fault(ctx, err)
}

// Close closes the connections. What is asked of the stores afterwards fails.
func (db *DB) Close() error {
	db.closed.Store(true)
	db.server.close()
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

// forget removes at most most documents whose time lies before a given one, the
// oldest first, a few with each command.
func forget(ctx context.Context, c collection, when string, before int64, most int) (int, error) {
	const chunk = 500
	old := fields{field(when, fields{field("$lt", before)})}
	total := 0
	for total < most {
		n := min(most-total, chunk)
		page := options.Find().SetSort(fields{field(when, 1)}).SetLimit(int64(n)).SetProjection(fields{field("_id", 1)})
		ids, err := find(ctx, c, old, page, func(d struct {
			ID any `bson:"_id"`
		}) (any, error) {
			return d.ID, nil
		})
		if err != nil || len(ids) == 0 {
			return total, err
		}
		removed, err := c.remove(ctx, append(fields{field("_id", fields{field("$in", ids)})}, old...))
		if err != nil {
			return total, err
		}
		total += removed
		if len(ids) < n {
			break
		}
	}
	return total, nil
}
