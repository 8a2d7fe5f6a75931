package ferretdb

import (
	"net"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
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
