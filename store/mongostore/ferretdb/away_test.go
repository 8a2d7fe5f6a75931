package ferretdb

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/mongostore"
)

var errLost = errors.New("it did not happen")

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	const secret = "correct-horse"
	db, err := mongostore.Open(t.Context(), "mongodb://user:"+secret+"@"+host+"/watchword?authSource=admin&"+impatient, mongostore.Options{})
	if db != nil || !errors.Is(err, mongostore.ErrUnavailable) || !strings.Contains(err.Error(), host) {
		t.Fatalf("Open = %v, %v; want %v, and where", db, err, mongostore.ErrUnavailable)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds the password: %v", err)
	}
}

func TestAServerMayGoAwayAndComeBack(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	set := connect(t, strings.Replace(emptyOn(t, r), patient, impatient, 1)).Set()
	s := begun()
	if err := set.Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.set(true)
	for verb, do := range map[string]func() error{
		"Begin":          func() error { return set.Sessions.Begin(t.Context(), begun()) },
		"Find":           func() error { return second(set.Sessions.Find(t.Context(), s.ID)) },
		"Advance":        func() error { return second(set.Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))) },
		"Revoke":         func() error { return second(set.Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: beginning})) },
		"RevokedSince":   func() error { return second(set.Sessions.RevokedSince(t.Context(), beginning)) },
		"FindByUsername": func() error { return second(set.Users.FindByUsername(t.Context(), "anna")) },
		"Keys":           func() error { return second(set.Keys.Keys(t.Context())) },
		"Record":         func() error { return set.Events.Record(t.Context(), audit.Event{}) },
		"RevokeUser": func() error {
			return second(set.Sessions.RevokeUser(t.Context(), s.UserID, session.ID{}, session.Tombstone{At: beginning}))
		},
	} {
		began := time.Now()
		if err := do(); !errors.Is(err, mongostore.ErrUnavailable) {
			t.Errorf("while it is away %s = %v, want %v", verb, err, mongostore.ErrUnavailable)
		}
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("while it is away %s takes %v", verb, waited)
		}
	}
	r.set(false)
	if err := won(set.Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// Who waits for a connection when the server goes away has asked nothing, and is
// told the same as who has.
func TestWhoWaitsForAConnectionHearsThatTheServerIsAway(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	sessions := connect(t, strings.Replace(emptyOn(t, r), patient, impatient+"&maxPoolSize=1", 1)).Set().Sessions
	s := begun()
	if err := sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.passed()
	const calls = 8
	errs := make(chan error, calls)
	r.turn.Lock()
	for range calls {
		go func() { errs <- second(sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))) }()
	}
	for len(r.seen("update")) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // all have asked
	r.set(true)
	for range calls {
		if err := <-errs; !errors.Is(err, mongostore.ErrUnavailable) {
			t.Errorf("Advance = %v, want %v", err, mongostore.ErrUnavailable)
		}
	}
	r.turn.Unlock()
	r.set(false)
	if err := second(sessions.Find(t.Context(), s.ID)); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// A server that is there and does not answer keeps nobody longer than the caller's
// context lasts.
func TestACallerMayLeaveInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	set := connect(t, emptyOn(t, r)).Set()
	s := begun()
	if err := set.Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.turn.Lock()
	for verb, do := range map[string]func(ctx context.Context) error{
		"Find": func(ctx context.Context) error { return second(set.Sessions.Find(ctx, s.ID)) },
		"Advance": func(ctx context.Context) error {
			return second(set.Sessions.Advance(ctx, s.ID, 7, session.Register{Generation: 8}))
		},
		"List": func(ctx context.Context) error { return second(set.Sessions.List(ctx, session.Query{})) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, mongostore.ErrUnavailable) {
			t.Errorf("%s = %v, want %v", verb, err, context.DeadlineExceeded)
		}
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if err := do(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", verb, err, context.Canceled)
		}
	}
	r.turn.Unlock()
	if err := won(set.Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Events that are recorded together are there together, though each is a document
// and the line breaks in between.
func TestEventsAreRecordedWhole(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	events := connect(t, strings.Replace(emptyOn(t, r), patient, impatient, 1)).Set().Events
	var given []audit.Event
	for range 3 {
		given = append(given, audit.Event{ID: uuid.UUID(newID()), At: beginning, Type: audit.SessionEnded})
	}
	inserts := func(collection string) func(bson.Raw) bool {
		return func(command bson.Raw) bool {
			into, _ := command.Lookup("insert").StringValueOK()
			return into == collection
		}
	}
	count := func(want int) {
		t.Helper()
		list, err := events.Events(t.Context(), audit.Query{})
		if len(list) != want || err != nil {
			t.Errorf("%d events, %v; want %d", len(list), err, want)
		}
	}
	r.refusing(inserts("watchword_parcels"))
	if err := events.Record(t.Context(), given...); !errors.Is(err, mongostore.ErrUnavailable) {
		t.Errorf("Record = %v, want %v", err, mongostore.ErrUnavailable)
	}
	count(0)
	r.refusing(inserts("watchword_events"))
	if err := events.Record(t.Context(), given...); err != nil {
		t.Errorf("once they are safe Record = %v", err)
	}
	if _, err := events.Events(t.Context(), audit.Query{}); !errors.Is(err, mongostore.ErrUnavailable) {
		t.Errorf("while they are not filed Events = %v, want %v", err, mongostore.ErrUnavailable)
	}
	r.refusing(func(command bson.Raw) bool { return nameOf(command) == "delete" })
	if err := second(events.Events(t.Context(), audit.Query{})); !errors.Is(err, mongostore.ErrUnavailable) {
		t.Errorf("while the parcel stays Events = %v", err)
	}
	r.refusing(nil)
	count(3)
	count(3)
}
