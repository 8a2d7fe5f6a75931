package ferretdb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/watchwordauth/watchword/store/mongostore"
)

func TestNodesMakeOneDatabaseTogether(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b backend) {
		address := b.empty(t)
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				db, err := mongostore.Open(t.Context(), address, mongostore.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		schema, err := mongostore.Inspect(t.Context(), address)
		if err != nil || schema.Version != len(schema.Steps) {
			t.Errorf("Inspect = %+v, %v", schema, err)
		}
		database, done := raw(t, address, nameIn(address))
		defer done()
		if n, err := database.Collection("watchword_versions").CountDocuments(t.Context(), bson.D{}); n != int64(len(schema.Steps)) || err != nil {
			t.Errorf("%d documents tell of versions, %v: the lock is left", n, err)
		}
	})
}

// nameIn is the database in an address.
func nameIn(address string) string {
	_, rest, _ := strings.Cut(address, "/watchword_")
	name, _, _ := strings.Cut(rest, "?")
	return "watchword_" + name
}

func TestInspectingChangesNothing(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b backend) {
		address := b.empty(t)
		schema, err := mongostore.Inspect(t.Context(), address)
		if err != nil || schema.Version != 0 || len(schema.Steps) == 0 || schema.Steps[0] != "0001_begin" {
			t.Errorf("Inspect = %+v, %v", schema, err)
		}
		database, done := raw(t, address, nameIn(address))
		defer done()
		if names, err := database.ListCollectionNames(t.Context(), bson.D{}); len(names) != 0 || err != nil {
			t.Errorf("afterwards there are %v, %v", names, err)
		}
	})
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b backend) {
		address := b.empty(t)
		if err := connect(t, address).Close(); err != nil {
			t.Fatal(err)
		}
		database, done := raw(t, address, nameIn(address))
		defer done()
		if _, err := database.Collection("watchword_versions").InsertOne(t.Context(), bson.D{{Key: "_id", Value: int64(99)}, {Key: "name", Value: "from the future"}}); err != nil {
			t.Fatal(err)
		}
		_, err := mongostore.Open(t.Context(), address, mongostore.Options{})
		if !errors.Is(err, mongostore.ErrNewer) || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "start the newer program") {
			t.Errorf("Open = %v, want %v", err, mongostore.ErrNewer)
		}
	})
}

// A node that dies while it migrates keeps the others waiting for some seconds, and
// one that lives for as long as it takes.
func TestTheLockOfADeadNodeIsTaken(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	address := emptyOn(t, r)
	database, done := raw(t, address, nameIn(address))
	defer done()
	versions := database.Collection("watchword_versions")
	if _, err := versions.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "lock"}, {Key: "holder", Value: bson.NewObjectID()}, {Key: "beat", Value: int64(3)}}); err != nil {
		t.Fatal(err)
	}
	// It lives for a while.
	const life = 12 * time.Second
	died := make(chan struct{})
	go func() {
		defer close(died)
		for end := time.Now().Add(life); time.Now().Before(end); time.Sleep(time.Second) {
			if _, err := versions.UpdateOne(context.WithoutCancel(t.Context()), bson.D{{Key: "_id", Value: "lock"}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "beat", Value: int64(1)}}}}); err != nil {
				t.Error(err)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), life)
	defer cancel()
	if _, err := mongostore.Open(ctx, address, mongostore.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while its holder lives Open = %v", err)
	}
	<-died
	connect(t, address)
	left, err := versions.CountDocuments(t.Context(), bson.D{{Key: "_id", Value: "lock"}})
	if left != 0 || err != nil {
		t.Errorf("the lock is left, %v", err)
	}
}
