package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// step takes the collections one version forward. A node that dies in the middle
// leaves it to the next: a step may be taken again.
type step struct {
	name string
	take func(ctx context.Context, db *DB) error
}

// steps are taken in this order. One that was released is never changed.
var steps = []step{
	{"0001_begin", begin},
}

// begin makes the indexes. No field that a rotation changes is in one.
func begin(ctx context.Context, db *DB) error {
	type index struct {
		keys   fields
		unique bool
		sparse bool // most documents lack the field
	}
	for into, indexes := range map[collection][]index{
		db.users: {
			{keys: fields{field("username_key", 1)}, unique: true},
			{keys: fields{field("email_key", 1)}, unique: true},
			{keys: fields{field("roles", 1), field("_id", -1)}},
			{keys: fields{field("block.at", 1)}, sparse: true},
			{keys: fields{field("epoch_at", 1)}},
		},
		db.sessions: {
			{keys: fields{field("user", 1)}},
			{keys: newest},
			{keys: fields{field("expires", 1)}},
			{keys: fields{field("revoked", 1)}, sparse: true},
		},
		db.keys: {
			{keys: fields{field("id", 1)}, unique: true},
		},
		db.events: {
			{keys: fields{field("at", 1)}},
			{keys: fields{field("type", 1), field("_id", -1)}},
			{keys: fields{field("user", 1), field("_id", -1)}},
			{keys: fields{field("session", 1), field("_id", -1)}},
		},
	} {
		var models []mongo.IndexModel
		for _, i := range indexes {
			o := options.Index()
			if i.unique {
				o.SetUnique(true)
			}
			if i.sparse {
				o.SetSparse(true)
			}
			models = append(models, mongo.IndexModel{Keys: i.keys, Options: o})
		}
		_, err := ask(ctx, db.server, func(ctx context.Context) ([]string, error) {
			return into.documents.Indexes().CreateMany(ctx, models) // those that are there already are left alone
		})
		if err != nil {
			return fmt.Errorf("index %s: %w", into.documents.Name(), err)
		}
	}
	// A collection without an index of ours is made too, rather than at the first write.
	_, err := ask(ctx, db.server, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, db.database.CreateCollection(ctx, db.parcels.documents.Name())
	})
	if server, ok := errors.AsType[mongo.ServerError](err); ok && server.HasErrorCode(48) { // it exists
		return nil
	}
	return err
}

// Schema tells how far a database has been brought, and what this program knows.
type Schema struct {
	Version int      // how many of the steps were taken; more than there are: by a newer program
	Steps   []string // the names of all steps that this program knows, in their order
}

// Inspect looks at the database that an address names and changes nothing.
func Inspect(ctx context.Context, address string) (Schema, error) {
	db, err := connect(ctx, address, Options{})
	if err != nil {
		return Schema{}, err
	}
	version, err := db.version(ctx)
	err = errors.Join(db.fault(ctx, err), db.Close())
	s := Schema{Version: version}
	for _, step := range steps {
		s.Steps = append(s.Steps, step.name)
	}
	return s, err
}

// versionDocument says that a step was taken. The lock is in the same collection, and
// Writable notes in that of the first when it wrote last.
type versionDocument struct {
	Version int64  `bson:"_id"`
	Name    string `bson:"name"`
}

// version is how many steps were taken.
func (db *DB) version(ctx context.Context) (int, error) {
	taken, err := find(ctx, db.versions, fields{field("_id", fields{field("$gt", int64(0))})}, options.Find(), func(d versionDocument) (int64, error) { return d.Version, nil })
	if err != nil || len(taken) == 0 {
		return 0, err
	}
	return int(slices.Max(taken)), nil
}

// migrate brings the collections up to date. Any number of nodes may do so at once.
func (db *DB) migrate(ctx context.Context) error {
	version, err := db.version(ctx)
	if err != nil {
		return db.fault(ctx, err)
	}
	if version < len(steps) {
		if err := db.locked(ctx, db.takeSteps); err != nil {
			return fmt.Errorf("migrate: %w", db.fault(ctx, err))
		}
	}
	if version > len(steps) {
		return fmt.Errorf("MongoDB: %w: its collections are of version %d, this program knows %d; start the newer program, or restore a backup from before the upgrade",
			ErrNewer, version, len(steps))
	}
	return nil
}

// takeSteps takes those that another node has not taken meanwhile.
func (db *DB) takeSteps(ctx context.Context) error {
	version, err := db.version(ctx)
	if err != nil {
		return err
	}
	for ; version < len(steps); version++ {
		next := steps[version]
		if err := next.take(ctx, db); err != nil {
			return fmt.Errorf("%s: %w", next.name, err)
		}
		err := db.versions.insert(ctx, versionDocument{int64(version + 1), next.name})
		if err != nil && !mongo.IsDuplicateKeyError(err) {
			return err
		}
	}
	return nil
}

// lockDocument says who migrates. It beats as long as its holder lives: one whose
// beat stands still is free to be taken. No clocks are compared.
type lockDocument struct {
	ID     string        `bson:"_id"`
	Holder bson.ObjectID `bson:"holder"`
	Beat   int64         `bson:"beat"`
}

const (
	lockID = "lock"
	// pulse is how often a lock beats.
	pulse = time.Second
	// stillness is how long a lock must not have beaten to be taken.
	stillness = 10 * pulse
)

// errLockLost ends a migration whose lock was taken by somebody else: this node
// was away for so long that it was believed dead.
var errLockLost = errors.New("another node took over")

// locked does something that one node does at a time.
func (db *DB) locked(ctx context.Context, do func(context.Context) error) error {
	mine := bson.NewObjectID()
	if err := db.lock(ctx, mine); err != nil {
		return err
	}
	holding, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	beaten := make(chan struct{})
	go func() {
		defer close(beaten)
		db.beat(holding, mine, lose)
	}()
	err := do(holding)
	if cause := context.Cause(holding); err != nil && errors.Is(cause, errLockLost) {
		err = cause
	}
	lose(nil)
	<-beaten
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return errors.Join(err, db.versions.removeOne(ctx, fields{field("_id", lockID), field("holder", mine)}))
}

// lock waits until the lock is ours.
func (db *DB) lock(ctx context.Context, mine bson.ObjectID) error {
	var last lockDocument
	var since time.Time // when we first saw it so
	look := time.NewTicker(pulse / 10)
	defer look.Stop()
	for {
		err := db.versions.insert(ctx, lockDocument{ID: lockID, Holder: mine})
		if err == nil || !mongo.IsDuplicateKeyError(err) {
			return err
		}
		held, err := findOne[lockDocument](ctx, db.versions, fields{field("_id", lockID)})
		switch {
		case errors.Is(err, mongo.ErrNoDocuments): // it was freed in between
			continue
		case err != nil:
			return err
		case held.Holder == mine: // our insertion was made, and its answer lost
			return nil
		case held != last:
			last, since = held, time.Now()
		case time.Since(since) > stillness:
			taken, err := db.versions.update(ctx, fields{field("_id", lockID), field("holder", held.Holder), field("beat", held.Beat)},
				fields{field("$set", fields{field("holder", mine), field("beat", int64(0))})})
			if err != nil {
				return err
			}
			if taken {
				db.logger.Warn("a node that migrated the database has died; this one goes on")
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// beat shows that we live, until the context ends.
func (db *DB) beat(ctx context.Context, mine bson.ObjectID, lose context.CancelCauseFunc) {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := db.versions.update(ctx, fields{field("_id", lockID), field("holder", mine)}, fields{field("$inc", fields{field("beat", int64(1))})})
		if err == nil && !held {
			lose(errLockLost)
			return
		}
	}
}
