package ferretdb

import (
	"context"
	"errors"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
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
		if waited := time.Since(began); waited > 10*time.Second {
			t.Errorf("while it is away %s takes %v", verb, waited)
		}
	}
	r.set(false)
	soon(t, func() error { return won(set.Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))) })
}

// soon waits until a server that is back is used again: it is asked each second.
func soon(t *testing.T, do func() error) {
	t.Helper()
	began := time.Now()
	for {
		err := do()
		took := time.Since(began).Round(time.Millisecond)
		if err == nil {
			t.Logf("it was used %v after it came back", took)
			return
		}
		if !errors.Is(err, mongostore.ErrUnavailable) || took > 9*time.Second {
			t.Fatalf("%v after it came back: %v", took, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// However a server is away, those who asked it before, those who ask when that is not
// known yet and those who ask afterwards are told in time: the last at once. It is used
// again soon after it is back.
func TestNobodyWaitsLongForAServerThatIsAway(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ leave, come func(r *relay) }{
		"stopped": {func(r *relay) { r.set(true) }, func(r *relay) { r.set(false) }},
		"silent":  {func(r *relay) { r.hush(true) }, func(r *relay) { r.hush(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, ferret)
			address := emptyOn(t, r)
			connect(t, address)                                         // it makes the collections, which may take a while
			db := connect(t, address[:strings.IndexByte(address, '?')]) // as an operator would who says nothing of it
			set := db.Set()
			s := begun()
			if err := set.Sessions.Begin(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			r.warm(t, set.Sessions, 16)
			// As long as a request may take: the driver does with less if the context says less.
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			verbs := map[string]func() error{
				"Begin":          func() error { return set.Sessions.Begin(ctx, begun()) },
				"Find":           func() error { return second(set.Sessions.Find(ctx, s.ID)) },
				"Advance":        func() error { return second(set.Sessions.Advance(ctx, s.ID, 1, rotated(s.Register))) },
				"FindByUsername": func() error { return second(set.Users.FindByUsername(ctx, "anna")) },
				"List":           func() error { return second(set.Sessions.List(ctx, session.Query{})) },
				"Count":          func() error { return second(set.Sessions.Count(ctx, beginning)) },
				"Writable":       func() error { return db.Writable(ctx) },
			}
			asking := func(within time.Duration, when string) {
				t.Helper()
				var all sync.WaitGroup
				for verb, do := range verbs {
					for range 2 {
						all.Go(func() {
							began := time.Now()
							if err := do(); !errors.Is(err, mongostore.ErrUnavailable) {
								t.Errorf("%s %s = %v, want %v", when, verb, err, mongostore.ErrUnavailable)
							}
							if waited := time.Since(began); waited > within {
								t.Errorf("%s %s takes %v", when, verb, waited)
							}
						})
					}
				}
				all.Wait()
			}
			release := r.hold(t)
			r.passed()
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				asking(9*time.Second, "asked before,")
			}()
			r.await(t, "insert", "update", "find") // all are under way, or wait for those of their batch
			row.leave(r)
			asking(8*time.Second, "at first")
			<-asked
			release()
			asking(2*time.Second, "afterwards")
			row.come(r)
			soon(t, func() error { return second(set.Sessions.Find(t.Context(), s.ID)) })
		})
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
	release := r.hold(t)
	for range calls {
		go func() { errs <- second(sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))) }()
	}
	r.await(t, "update")
	time.Sleep(100 * time.Millisecond) // all have asked
	r.set(true)
	for range calls {
		if err := <-errs; !errors.Is(err, mongostore.ErrUnavailable) {
			t.Errorf("Advance = %v, want %v", err, mongostore.ErrUnavailable)
		}
	}
	release()
	r.set(false)
	soon(t, func() error { return second(sessions.Find(t.Context(), s.ID)) })
}

// Who says in the address how long a server is waited for has it so, and how long a verb
// may take on one that is there, look-ups in a batch included.
func TestTheAddressSaysHowLong(t *testing.T) {
	t.Parallel()
	t.Run("a server is waited for", func(t *testing.T) {
		t.Parallel()
		r := newRelay(t, ferret)
		sessions := connect(t, emptyOn(t, r)).Set().Sessions
		r.set(true)
		const outage = 4 * time.Second // by itself the store waits for three
		time.AfterFunc(outage, func() { r.set(false) })
		// The driver asks again by itself what only reads.
		if _, err := sessions.Find(t.Context(), newID()); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("who asks while it is away: %v", err)
		}
	})
	t.Run("a verb may take", func(t *testing.T) {
		t.Parallel()
		r := newRelay(t, ferret)
		address := emptyOn(t, r)
		connect(t, address) // it makes the collections, which may take a while
		sessions := connect(t, strings.Replace(address, "timeoutMS=60000", "timeoutMS=2000", 1)).Set().Sessions
		r.hold(t)
		for verb, do := range map[string]func() error{
			"Begin": func() error { return sessions.Begin(t.Context(), begun()) },
			"Find":  func() error { return second(sessions.Find(t.Context(), newID())) },
		} {
			began := time.Now()
			if err := do(); !errors.Is(err, mongostore.ErrUnavailable) || time.Since(began) > 10*time.Second {
				t.Errorf("%s = %v after %v, want %v", verb, err, time.Since(began), mongostore.ErrUnavailable)
			}
		}
	})
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
	release := r.hold(t)
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
	release()
	if err := won(set.Sessions.Advance(t.Context(), s.ID, 1, rotated(s.Register))); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What could not be answered before the caller's context ends is not even asked. That is
// the caller's end, and says nothing of the server.
func TestWhatCannotBeAnsweredInTimeIsNotAsked(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	r.far(200 * time.Millisecond)
	sessions := connect(t, emptyOn(t, r)).Set().Sessions
	for start := time.Now(); ; { // until the driver knows how far the server is
		r.passed()
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		_, err := sessions.Advance(ctx, newID(), 1, session.Register{Generation: 2})
		cancel()
		if err != nil && (!errors.Is(err, context.DeadlineExceeded) || errors.Is(err, mongostore.ErrUnavailable)) {
			t.Fatalf("Advance = %v, want %v", err, context.DeadlineExceeded)
		}
		if err != nil && len(r.seen("update")) == 0 {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatal("it was always asked")
		}
	}
}

// Events that are recorded together are there together, though each is a document
// and the line breaks in between.
func TestEventsAreRecordedWhole(t *testing.T) {
	t.Parallel()
	r := newRelay(t, ferret)
	events := connect(t, emptyOn(t, r)).Set().Events
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

// A node asks for no more connections than are useful, however many ask it. Who waits
// for one, and whom nobody told that the server is slow, is told in time.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const unhurried = "serverSelectionTimeoutMS=4000"
	for name, row := range map[string]struct {
		parameters string
		want       int
	}{
		"as a rule":           {unhurried, 16},
		"as the address says": {unhurried + "&maxPoolSize=5", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, ferret)
			label := newName() // whatever goroutine the store starts, or those it starts, has it
			pprof.Do(t.Context(), pprof.Labels("watchword", label), func(ctx context.Context) {
				db, err := mongostore.Open(ctx, strings.Replace(emptyOn(t, r), patient, row.parameters, 1), mongostore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				}()
				sessions := db.Set().Sessions
				s := begun()
				if err := sessions.Begin(ctx, s); err != nil {
					t.Fatal(err)
				}
				r.warm(t, sessions, row.want)
				const calls = 200
				errs := make(chan error, calls)
				release := r.hold(t)
				r.passed()
				began := time.Now()
				for range calls {
					go func() { errs <- second(sessions.Advance(ctx, s.ID, 1, rotated(s.Register))) }()
				}
				for range calls - row.want { // the others are under way, on a server that takes its time
					if err := <-errs; !errors.Is(err, mongostore.ErrUnavailable) {
						t.Errorf("who waits for a connection: %v, want %v", err, mongostore.ErrUnavailable)
					}
				}
				if waited := time.Since(began); waited > 8*time.Second {
					t.Errorf("who waits for a connection waits for %v", waited)
				}
				if n := len(r.seen("update")); n != row.want {
					t.Errorf("%d rotations are under way, want %d", n, row.want)
				}
				if !strings.Contains(goroutines(t), label) {
					t.Error("no goroutine has the label by which those that leak would be known")
				}
				release()
				for range row.want {
					if err := <-errs; err != nil {
						t.Errorf("who was under way: %v", err)
					}
				}
			})
			const listening = 2
			if _, most := r.held(); most > row.want+listening {
				t.Errorf("there were %d connections at once, want %d and %d that listen", most, row.want, listening)
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				now, _ := r.held()
				left := goroutines(t)
				leaks := strings.Contains(left, label)
				if now == 0 && !leaks {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("afterwards there are %d connections, and goroutines are left: %v\n%s", now, leaks, left)
				}
			}
		})
	}
}

// goroutines is what all of them do, and their labels.
func goroutines(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		t.Fatal(err)
	}
	return all.String()
}
