package ferretdb

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// The server is killed while sessions rotate and end. What was acknowledged is
// there when it is back, and the store finds it by itself.
func TestAServerMayBeKilledUnderLoad(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server, err := start(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.stop() })
	r := newRelay(t, server.host)
	address := "mongodb://" + r.address() + "/" + newName() + "?" + impatient
	store := connect(t, address).Set().Sessions

	type story struct {
		session session.Session // as it was acknowledged last
		revoked bool
		rotated int
	}
	const clients = 8
	stories := make([]story, clients)
	for i := range stories {
		stories[i].session = begun()
		if err := store.Begin(t.Context(), stories[i].session); err != nil {
			t.Fatal(err)
		}
	}
	var load sync.WaitGroup
	dead := make(chan struct{})
	for i := range stories {
		load.Go(func() {
			s := &stories[i]
			for n := 0; ; n++ {
				select {
				case <-dead:
					return
				default:
				}
				if i%2 == 1 && n == 10+i {
					did, err := store.Revoke(t.Context(), s.session.ID, session.Tombstone{At: beginning, Reason: session.SignedOut})
					s.revoked = did && err == nil
					return
				}
				next := rotated(s.session.Register)
				did, err := store.Advance(t.Context(), s.session.ID, s.session.Generation, next)
				if err != nil {
					return // it died; whether this rotation happened is not known
				}
				if !did {
					t.Errorf("a rotation from generation %d lost, and had no rival", s.session.Generation)
					return
				}
				s.session.Register = next
				s.rotated++
			}
		})
	}
	time.Sleep(time.Second)
	server.kill()
	close(dead)
	load.Wait()

	host := server.host
	again, err := start(folder, host)
	if err != nil {
		t.Fatal(err)
	}
	server = again
	if _, port, err := net.SplitHostPort(host); err != nil || !strings.HasSuffix(server.host, port) {
		t.Fatalf("it came back at %s, not at %s: %v", server.host, host, err)
	}
	rotations := 0
	for i, s := range stories {
		var found session.Session
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if found, err = store.Find(t.Context(), s.session.ID); err == nil || time.Now().After(deadline) {
				break
			}
		}
		if err != nil {
			t.Fatalf("when it is back: %v", err)
		}
		rotations += s.rotated
		if g := found.Generation; g != s.session.Generation && g != s.session.Generation+1 {
			t.Errorf("session %d is at generation %d, and %d was acknowledged", i, g, s.session.Generation)
		}
		if s.revoked && !found.Revoked() {
			t.Errorf("session %d lives again", i)
		}
	}
	if rotations == 0 {
		t.Error("there was no load")
	}
	t.Logf("%d rotations before the crash", rotations)
}
