package ferretdb

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store/mongostore"
)

// beginning is when every story begins.
var beginning = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// begun is a session that begins then.
func begun() session.Session {
	return session.Session{
		ID: newID(), UserID: account.ID(newID()), Delivery: session.Body, CreatedAt: beginning, ExpiresAt: beginning.Add(time.Hour),
		Register: session.Register{Generation: 1, RotatedAt: beginning, EmittedAt: beginning, IdleUntil: beginning.Add(time.Hour)},
	}
}

// rotated is the register after a rotation.
func rotated(r session.Register) session.Register {
	r.Generation++
	r.RotatedAt = r.RotatedAt.Add(time.Minute)
	return r
}

// The server is told with each command how durable it is to be. What the store
// asks for is what the contracts want.
func TestEachVerbAsksForTheDurabilityItNeeds(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options  mongostore.Options
		rotation bool // is a rotation in the journal before it is answered
	}{
		"as a rule":         {mongostore.Options{}, false},
		"durable rotations": {mongostore.Options{DurableRotations: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, ferret)
			set := connectWith(t, emptyOn(t, r), row.options).Set()
			s, other := begun(), begun()
			ended := session.Tombstone{At: beginning, Reason: session.SignedOut}
			u := account.User{ID: account.ID(newID()), UsernameKey: "anna", Epoch: 1, EpochAt: beginning, CreatedAt: beginning}
			key := signing.Record{Number: 1, ID: "key", CreatedAt: beginning, ActiveAt: beginning}
			event := func() audit.Event {
				return audit.Event{ID: uuid.UUID(newID()), At: beginning, Type: audit.SessionBegun}
			}
			r.passed()
			for _, step := range []struct {
				verb    string
				do      func() error
				command string
				journal bool
			}{
				{"Begin", func() error { return set.Sessions.Begin(t.Context(), s) }, "insert", true},
				{"Advance", func() error { return won(set.Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))) }, "update", row.rotation},
				{"Advance within a generation", func() error { return won(set.Sessions.Advance(t.Context(), s.ID, 2, rotated(s.Register))) }, "update", true},
				{"Revoke", func() error { return won(set.Sessions.Revoke(t.Context(), s.ID, ended)) }, "update", true},
				{"Begin another", func() error { return set.Sessions.Begin(t.Context(), other) }, "insert", true},
				{"RevokeUser", func() error { return second(set.Sessions.RevokeUser(t.Context(), other.UserID, session.ID{}, ended)) }, "update", true},
				{"Forget", func() error { return second(set.Sessions.Forget(t.Context(), beginning.Add(2*time.Hour), 10)) }, "delete", true},
				{"Add", func() error { return set.Users.Add(t.Context(), u) }, "insert", true},
				{"ReplaceHash", func() error { return won(set.Users.ReplaceHash(t.Context(), u.ID, "", "hash")) }, "update", true},
				{"SetRoles", func() error { return second(set.Users.SetRoles(t.Context(), u.ID, nil, beginning)) }, "findAndModify", true},
				{"ClearBlock", func() error { return second(set.Users.ClearBlock(t.Context(), u.ID, beginning)) }, "findAndModify", true},
				{"add a key", func() error { return set.Keys.Add(t.Context(), key) }, "insert", true},
				{"Retire", func() error { return set.Keys.Retire(t.Context(), key.ID, beginning) }, "update", true},
				{"Remove", func() error { return set.Keys.Remove(t.Context(), key.ID) }, "delete", true},
				{"Record", func() error { return set.Events.Record(t.Context(), event()) }, "insert", true},
				{"Record two", func() error { return set.Events.Record(t.Context(), event(), event()) }, "insert", true},
			} {
				if err := step.do(); err != nil {
					t.Fatalf("%s: %v", step.verb, err)
				}
				commands := r.passed(step.command)
				if len(commands) == 0 {
					t.Errorf("%s sent no %s", step.verb, step.command)
				}
				for _, command := range commands {
					var asked struct {
						WriteConcern struct {
							W any   `bson:"w"`
							J *bool `bson:"j"`
						} `bson:"writeConcern"`
					}
					if err := bson.Unmarshal(command, &asked); err != nil {
						t.Fatal(err)
					}
					if c := asked.WriteConcern; c.W != "majority" || c.J == nil || *c.J != step.journal {
						t.Errorf("%s asked for %v; want a majority, and the journal: %v", step.verb, command.Lookup("writeConcern"), step.journal)
					}
				}
			}
		})
	}
}

// won is an error unless a verb happened.
func won(did bool, err error) error {
	if err == nil && !did {
		err = errLost
	}
	return err
}

// second is the error of a call that returns a value, too.
func second[T any](_ T, err error) error { return err }

// Where another server may have become the primary, a look-up asks a majority
// whether this one still is. Where there is but one server it costs nothing.
func TestALookUpIsLinearizableWhereThereAreReplicas(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		pretend bson.E // in the answer to what server this is
		want    string
	}{
		"one server":    {bson.E{Key: "helloOk", Value: true}, ""},
		"a replica set": {bson.E{Key: "setName", Value: "rs0"}, "linearizable"},
		"a router":      {bson.E{Key: "msg", Value: "isdbgrid"}, "linearizable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, ferret)
			r.pretend = func(command, answer bson.Raw) bson.Raw {
				if _, err := command.LookupErr("lsid"); nameOf(command) != "hello" || err != nil {
					return nil // the driver's own question: it must find what is there
				}
				var fields bson.D
				if err := bson.Unmarshal(answer, &fields); err != nil {
					t.Error(err)
				}
				changed, err := bson.Marshal(append(fields, row.pretend))
				if err != nil {
					t.Error(err)
				}
				return changed
			}
			set := connect(t, emptyOn(t, r)).Set()
			s := begun()
			if err := set.Sessions.Begin(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			r.passed()
			if _, err := set.Sessions.Find(t.Context(), s.ID); err != nil {
				t.Fatal(err)
			}
			finds := r.passed("find")
			if len(finds) != 1 {
				t.Fatalf("%d commands were sent", len(finds))
			}
			level, _ := finds[0].Lookup("readConcern", "level").StringValueOK()
			if level == "local" {
				level = ""
			}
			if level != row.want {
				t.Errorf("the read concern was %q, want %q", level, row.want)
			}
		})
	}
}

// Look-ups that meet share one round trip.
func TestLookUpsAreGathered(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	set := connect(t, emptyOn(t, r)).Set()
	s := begun()
	if err := set.Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.passed()
	release := r.hold(t) // the first waits, and the others gather
	const calls = 100
	errs := make(chan error, calls)
	for range calls {
		go func() { errs <- second(set.Sessions.Find(t.Context(), s.ID)) }()
	}
	r.await(t, "find")
	time.Sleep(100 * time.Millisecond) // all have asked
	release()
	for range calls {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(r.passed("find")); n > 10 { // three, if all had asked
		t.Errorf("%d look-ups at once took %d round trips", calls, n)
	}
}
