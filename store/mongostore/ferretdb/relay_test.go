package ferretdb

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/watchwordauth/watchword/session"
)

// relay is a Relay that stands until the test ends.
type relay struct {
	*Relay
	listener net.Listener
}

func newRelay(t testing.TB, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{NewRelay(server, func(err error) { t.Errorf("relay: %v", err) }), listener}
	var serving sync.WaitGroup
	serving.Go(func() { r.Serve(listener) })
	t.Cleanup(func() {
		r.hush(false)
		listener.Close()
		serving.Wait()
	})
	return r
}

// address is where the relay listens.
func (r *relay) address() string { return r.listener.Addr().String() }

// hold has the server be busy: commands wait until it is released, or the test ends.
func (r *relay) hold(t testing.TB) (release func()) {
	r.turn.Lock()
	release = sync.OnceFunc(r.turn.Unlock)
	t.Cleanup(release)
	return release
}

// await waits until a command of each kind came through.
func (r *relay) await(t testing.TB, names ...string) {
	t.Helper()
	waitFor(t, time.Minute, func() bool {
		return !slices.ContainsFunc(names, func(name string) bool { return len(r.seen(name)) == 0 })
	})
}

// warm has a store open its connections by rotations that lose, many at once, until so many
// are under way: who asks next does not wait for one, however long a busy machine takes to
// connect.
func (r *relay) warm(t testing.TB, sessions session.Store, connections int) {
	t.Helper()
	calls := 3 * connections
	for range 10 {
		release := r.hold(t)
		r.passed()
		var told atomic.Int64 // that it takes too long
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				sessions.Advance(t.Context(), session.ID{}, 7, session.Register{Generation: 8})
				told.Add(1)
			})
		}
		underWay := 0
		waitFor(t, time.Minute, func() bool {
			underWay = len(r.seen("update"))
			return underWay == connections || underWay+int(told.Load()) >= calls
		})
		release()
		all.Wait()
		if underWay == connections {
			return
		}
	}
	t.Fatalf("there never were %d connections at once", connections)
}

// waitFor waits until something is so.
func waitFor(t testing.TB, limit time.Duration, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %v", limit)
		}
	}
}

// far has the server be that far away, as the driver measures it.
func (r *relay) far(lag time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lag = lag
}

// refusing cuts each connection over which such a command comes.
func (r *relay) refusing(refuse func(bson.Raw) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

// passed is the commands of some kinds that came through since the last call.
func (r *relay) passed(names ...string) []bson.Raw {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []bson.Raw
	for _, command := range r.commands {
		for _, name := range names {
			if nameOf(command) == name {
				list = append(list, command)
			}
		}
	}
	r.commands = nil
	return list
}

// seen is the commands of a kind that came through, which stay remembered.
func (r *relay) seen(name string) (list []bson.Raw) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, command := range r.commands {
		if nameOf(command) == name {
			list = append(list, command)
		}
	}
	return list
}
