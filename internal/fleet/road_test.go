//go:build linux

package fleet

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// road leads to a server, and fails as roads do: it is slow, it is closed, or it
// swallows what is sent without a word.
type road struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	delay time.Duration // of each piece, each way
	open  chan struct{} // closed while pieces may pass
	ways  map[*way]struct{}
	ended bool
}

// way is one connection.
type way struct {
	lost   chan struct{} // closed when nothing passes any more
	closed chan struct{} // closed when both ends are

	mu   sync.Mutex
	ends []net.Conn // nil once it is closed
}

// join adds an end; false: the way is closed.
func (w *way) join(end net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.closed:
		end.Close()
		return false
	default:
	}
	w.ends = append(w.ends, end)
	return true
}

func (w *way) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ends == nil {
		return
	}
	close(w.closed)
	for _, end := range w.ends {
		end.Close()
	}
	w.ends = nil
}

// newRoad makes a road, which is open until the test ends.
func newRoad(t testing.TB, to string) *road {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{listener: listener, to: to, open: make(chan struct{}), ways: map[*way]struct{}{}}
	close(r.open)
	var travellers sync.WaitGroup
	travellers.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			travellers.Go(func() { r.travel(near) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		r.cut()
		travellers.Wait()
	})
	return r
}

// host is where the road begins.
func (r *road) host() string { return r.listener.Addr().String() }

func (r *road) travel(near net.Conn) {
	w := &way{lost: make(chan struct{}), closed: make(chan struct{}), ends: []net.Conn{near}}
	r.mu.Lock()
	r.ways[w] = struct{}{}
	ended := r.ended
	r.mu.Unlock()
	defer func() {
		w.close()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.ways, w)
	}()
	if ended || !r.passes(w) {
		return
	}
	far, err := net.Dial("tcp", r.to)
	if err != nil || !w.join(far) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { r.carry(w, far, near) })
	r.carry(w, near, far)
	back.Wait()
}

// carry takes pieces from one end to the other until either closes.
func (r *road) carry(w *way, to io.Writer, from io.Reader) {
	defer w.close()
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			w.mourn()
			return
		}
		if !r.passes(w) {
			return
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// passes waits until a piece may pass, and reports whether it may.
func (r *road) passes(w *way) bool {
	r.mu.Lock()
	open, delay := r.open, r.delay
	r.mu.Unlock()
	select {
	case <-open:
	case <-w.closed:
		return false
	}
	if w.mourn() {
		return false
	}
	time.Sleep(delay)
	return true
}

// mourn waits until a way is closed if it is lost: not even its end is heard.
func (w *way) mourn() bool {
	select {
	case <-w.lost:
		<-w.closed
		return true
	default:
		return false
	}
}

// lose has what was under way at the far end go with its machine. The near end hears nothing.
func (w *way) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.lost:
		return
	default:
	}
	close(w.lost)
	if len(w.ends) > 1 {
		w.ends[1].Close()
	}
}

// slow delays each piece.
func (r *road) slow(delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = delay
}

// stall holds back what comes, until pass: connections stay, and say nothing.
func (r *road) stall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = make(chan struct{})
}

// pass lets everything through again.
func (r *road) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.open)
}

// lose has the connections that there are say nothing any more, for ever, as when a
// machine vanishes. New ones pass.
func (r *road) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.ways {
		w.lose()
	}
}

// cut ends all connections.
func (r *road) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.ways {
		w.close()
	}
}
