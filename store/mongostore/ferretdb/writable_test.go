package ferretdb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/watchwordauth/watchword/store/mongostore"
)

func TestWritableWritesAsARotationIsWritten(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	address := emptyOn(t, r)
	db := connect(t, address)
	for range 2 {
		r.passed()
		if err := db.Writable(t.Context()); err != nil {
			t.Fatal(err)
		}
		sent := r.passed("update")
		if len(sent) != 1 {
			t.Fatalf("%d commands were sent", len(sent))
		}
		var asked struct {
			WriteConcern struct {
				W any   `bson:"w"`
				J *bool `bson:"j"`
			} `bson:"writeConcern"`
		}
		if err := bson.Unmarshal(sent[0], &asked); err != nil {
			t.Fatal(err)
		}
		if c := asked.WriteConcern; c.W != "majority" || c.J == nil || *c.J {
			t.Errorf("it asked for %v; want a majority, and not the journal", sent[0].Lookup("writeConcern"))
		}
	}
	name := address[strings.LastIndexByte(address, '/')+1 : strings.IndexByte(address, '?')]
	database, done := raw(t, "mongodb://"+ferret, name)
	defer done()
	var left []bson.M
	cursor, err := database.Collection("watchword_versions").Find(t.Context(), bson.D{})
	if err == nil {
		err = cursor.All(t.Context(), &left)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0]["written"] == nil {
		t.Errorf("there is %v; want the first step alone, and when it was written", left)
	}
	if schema, err := mongostore.Inspect(t.Context(), address); err != nil || schema.Version != len(schema.Steps) {
		t.Errorf("the schema is %+v, %v", schema, err)
	}
}

// FerretDB always takes writes: the relay answers what MongoDB does when it takes none.
func TestAMongoDBThatTakesNoWritesIsTold(t *testing.T) {
	t.Parallel()
	refusal := func(code int, name string) bson.D {
		return bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: code}, {Key: "codeName", Value: name}, {Key: "errmsg", Value: name}}
	}
	for what, row := range map[string]struct {
		answer bson.D
		want   string
	}{
		"a replica":          {refusal(10107, "NotWritablePrimary"), "NotWritablePrimary"},
		"a full disk":        {refusal(14031, "OutOfDiskSpace"), "free some space"},
		"a user who reads":   {refusal(13, "Unauthorized"), "grant this user readWrite"},
		"too few of its own": {bson.D{{Key: "ok", Value: 1.0}, {Key: "n", Value: 1}, {Key: "nModified", Value: 1}, {Key: "writeConcernError", Value: refusal(64, "WriteConcernTimeout")[1:]}}, "WriteConcernTimeout"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, ferret)
			db := connect(t, emptyOn(t, r))
			answer, err := bson.Marshal(row.answer)
			if err != nil {
				t.Fatal(err)
			}
			r.pretending(func(command, _ bson.Raw) bson.Raw {
				if nameOf(command) == "update" {
					return answer
				}
				return nil
			})
			if err := db.Writable(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Writable = %v, want: %s", err, row.want)
			}
			r.pretending(nil)
			if err := db.Writable(t.Context()); err != nil {
				t.Errorf("afterwards Writable = %v", err)
			}
		})
	}
}

// Collections that MongoDB makes by itself lack the indexes that keep names unique: a
// node whose database was dropped is not ready, and the next start makes them.
func TestADatabaseThatWasDroppedIsTold(t *testing.T) {
	t.Parallel()
	address := emptyOn(t, newRelay(t, ferret))
	db := connect(t, address)
	database, done := raw(t, "mongodb://"+ferret, address[strings.LastIndexByte(address, '/')+1:strings.IndexByte(address, '?')])
	defer done()
	if err := database.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Writable(t.Context()); err == nil || !strings.Contains(err.Error(), "the collections are gone") {
		t.Errorf("Writable = %v", err)
	}
	connect(t, address)
	if err := db.Writable(t.Context()); err != nil {
		t.Errorf("when they are made again Writable = %v", err)
	}
}

// Nobody waits for longer than they meant to.
func TestWritableIsBounded(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	db := connect(t, strings.Replace(emptyOn(t, r), patient, impatient, 1))
	release := r.hold(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := db.Writable(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it hangs Writable = %v, want %v", err, context.DeadlineExceeded)
	}
	release()
	r.set(true)
	began := time.Now()
	if err := db.Writable(t.Context()); !errors.Is(err, mongostore.ErrUnavailable) || time.Since(began) > 10*time.Second {
		t.Errorf("while it is away Writable = %v after %v, want %v", err, time.Since(began), mongostore.ErrUnavailable)
	}
	r.set(false)
	soon(t, func() error { return db.Writable(t.Context()) })
}

// pretending changes answers from now on; nil: none.
func (r *relay) pretending(pretend func(command, answer bson.Raw) bson.Raw) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pretend = pretend
}
