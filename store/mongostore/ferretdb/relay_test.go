package ferretdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// relay forwards messages about one database to a server, one command at a time.
type relay struct {
	listener net.Listener
	server   string
	turn     sync.Mutex // held by the command that is under way

	mu       sync.Mutex
	cut      bool
	conns    map[net.Conn]bool
	commands []bson.Raw                              // what passed
	refuse   func(bson.Raw) bool                     // cuts the line before such a command gets through
	pretend  func(command, answer bson.Raw) bson.Raw // changes an answer; nil: none
}

// newRelay stands before a server until the test ends.
func newRelay(t testing.TB, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, server: server, conns: map[net.Conn]bool{}}
	var group sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		r.set(true)
		group.Wait()
	})
	group.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				if err := r.serve(near); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errCut) {
					if _, ok := errors.AsType[net.Error](err); !ok {
						t.Errorf("relay: %v", err)
					}
				}
			})
		}
	})
	return r
}

// address is where the relay listens.
func (r *relay) address() string { return r.listener.Addr().String() }

// set cuts the line, or mends it.
func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for conn := range r.conns {
			conn.Close()
		}
	}
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

var errCut = errors.New("the line is cut")

// enter notes a connection, so that it can be cut.
func (r *relay) enter(conn net.Conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		return errCut
	}
	r.conns[conn] = true
	return nil
}

func (r *relay) leave(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	conn.Close()
}

// serve forwards the messages of one connection, and their answers.
func (r *relay) serve(near net.Conn) error {
	defer r.leave(near)
	if err := r.enter(near); err != nil {
		return err
	}
	far, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	defer far.Close()
	for {
		message, err := readMessage(near)
		if err != nil {
			return err
		}
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
func (r *relay) exchange(far net.Conn, message []byte) ([]byte, error) {
	if !isGreeting(message) {
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
func (r *relay) note(message []byte) error {
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
func (r *relay) changed(message, answer []byte) ([]byte, error) {
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
