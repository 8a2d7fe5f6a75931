package ferretdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Relay forwards messages to a server, one command at a time.
type Relay struct {
	server string
	failed func(error)
	turn   sync.Mutex // held by the command that is under way

	mu       sync.Mutex
	cut      bool
	quiet    chan struct{}                           // closed when it speaks again; nil while it does
	lag      time.Duration                           // until the server says how it is
	most     int                                     // how many connections there were at once
	conns    map[net.Conn]net.Conn                   // a client's, and the server's for it
	commands []bson.Raw                              // what passed
	refuse   func(bson.Raw) bool                     // cuts the line before such a command gets through
	pretend  func(command, answer bson.Raw) bson.Raw // changes an answer; nil: none
}

// NewRelay makes a relay to a server, by HOST:PORT. failed is told what a relay
// cannot cope with; a connection that breaks is not of that kind.
func NewRelay(server string, failed func(error)) *Relay {
	return &Relay{server: server, failed: failed, conns: map[net.Conn]net.Conn{}}
}

// Serve forwards what comes over a listener until that is closed, and ends with its
// last connection.
func (r *Relay) Serve(listener net.Listener) {
	var group sync.WaitGroup
	defer group.Wait()
	defer r.set(true)
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		group.Go(func() {
			if err := r.serve(near); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errCut) {
				if _, ok := errors.AsType[net.Error](err); !ok {
					r.failed(err)
				}
			}
		})
	}
}

// set cuts the line, or mends it.
func (r *Relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for near, far := range r.conns {
			near.Close()
			far.Close()
		}
	}
}

// hush has the server fall silent, as if it hung: connections are taken, and nothing
// that comes over one is answered, until it speaks again.
func (r *Relay) hush(quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case quiet && r.quiet == nil:
		r.quiet = make(chan struct{})
	case !quiet && r.quiet != nil:
		close(r.quiet)
		r.quiet = nil
	}
}

// heed waits while the server is silent.
func (r *Relay) heed() {
	r.mu.Lock()
	quiet := r.quiet
	r.mu.Unlock()
	if quiet != nil {
		<-quiet
	}
}

// lags is how long the server takes to say how it is.
func (r *Relay) lags() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lag
}

// held is how many connections there are, and how many there were at most.
func (r *Relay) held() (now, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns), r.most
}

var errCut = errors.New("the line is cut")

// enter notes a connection and the one to the server for it, so that they can be cut.
func (r *Relay) enter(near, far net.Conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		return errCut
	}
	r.conns[near] = far
	r.most = max(r.most, len(r.conns))
	return nil
}

func (r *Relay) leave(near net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, near)
}

// serve forwards the messages of one connection, and their answers.
func (r *Relay) serve(near net.Conn) error {
	defer near.Close()
	far, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	defer far.Close()
	if err := r.enter(near, far); err != nil {
		return err
	}
	defer r.leave(near)
	for {
		message, err := readMessage(near)
		if err != nil {
			return err
		}
		r.heed()
		if err := r.note(message); err != nil {
			return err
		}
		answer, err := r.exchange(far, message)
		if err != nil {
			return err
		}
		if answer, err = r.changed(message, answer); err != nil {
			return err
		}
		if _, err := near.Write(answer); err != nil {
			return err
		}
	}
}

// exchange sends a message and waits for its answer, while nobody else does.
func (r *Relay) exchange(far net.Conn, message []byte) ([]byte, error) {
	if isGreeting(message) {
		time.Sleep(r.lags())
	} else {
		r.turn.Lock()
		defer r.turn.Unlock()
	}
	if err := far.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if _, err := far.Write(message); err != nil {
		return nil, err
	}
	return readMessage(far)
}

// readMessage reads one message of the wire protocol: its length is in front.
func readMessage(conn net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n < 16 || n > 48_000_000 {
		return nil, fmt.Errorf("a message has %d bytes", n)
	}
	message := make([]byte, n)
	copy(message, length[:])
	_, err := io.ReadFull(conn, message[4:])
	return message, err
}

// note remembers the command in a message, unless it is refused.
func (r *Relay) note(message []byte) error {
	command, err := commandIn(message)
	if err != nil || command == nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil && r.refuse(command) {
		return errCut
	}
	r.commands = append(r.commands, command)
	return nil
}

// changed is an answer as the relay pretends that it is.
func (r *Relay) changed(message, answer []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	command, err := commandIn(message)
	if r.pretend == nil || command == nil || err != nil {
		return answer, err
	}
	given, err := commandIn(answer)
	if err != nil {
		return nil, err
	}
	other := r.pretend(command, given)
	if other == nil {
		return answer, nil
	}
	const before = 16 + 4 + 1 // header, flags, kind of the section
	made := append(slices.Clone(answer[:before]), other...)
	binary.LittleEndian.PutUint32(made, uint32(len(made)))
	return made, nil
}

// isGreeting reports whether a message asks how the server is. That must not wait
// for a slow command: the driver would take the server for dead.
func isGreeting(message []byte) bool {
	command, err := commandIn(message)
	return err == nil && (command == nil || nameOf(command) == "hello" || nameOf(command) == "isMaster")
}

// commandIn finds the command in a message of the kind OP_MSG: it is section 0. A
// greeting in the old form has none.
func commandIn(message []byte) (bson.Raw, error) {
	const opMsg, header = 2013, 16
	if binary.LittleEndian.Uint32(message[12:]) != opMsg {
		return nil, nil
	}
	if flags := binary.LittleEndian.Uint32(message[header:]); flags&2 != 0 {
		return nil, errors.New("the store wants no answer to a command: it could not be relayed")
	}
	for rest := message[header+4:]; len(rest) > 5; {
		size := int(binary.LittleEndian.Uint32(rest[1:]))
		if rest[0] == 0 {
			return bson.Raw(rest[1 : 1+size]), nil
		}
		rest = rest[1+size:] // a sequence of documents, which may stand before or behind
	}
	return nil, errors.New("a message has no command")
}

// nameOf is what a command does: insert, find …
func nameOf(command bson.Raw) string {
	elements, err := command.Elements()
	if err != nil || len(elements) == 0 {
		return ""
	}
	return elements[0].Key()
}
