package sqlstore

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/session"
)

const (
	// remoteConnections is how many connections a server is asked for at most,
	// beside those for rotations. Most calls share a batch.
	remoteConnections = 16
	// remoteReaders are those of them that change nothing, where durable commits may
	// have to wait for another machine: refreshes read on, and go on.
	remoteReaders = 6
	// remoteShards is how many connections rotations are spread over, by their
	// session. Two are faster than one, and four are no faster than two.
	remoteShards = 2
)

// openRemote finishes the opening of a database that other processes serve.
func openRemote(ctx context.Context, d *dialect, name string, reading, durable, relaxed *pool, o Options) (*DB, error) {
	db := &DB{dialect: d, name: name, reading: reading, durable: durable, relaxed: relaxed, closed: new(atomic.Bool), contact: new(contact), logger: o.Logger}
	if db.logger == nil {
		db.logger = slog.Default()
	}
	for _, p := range []*pool{reading, durable, relaxed} {
		// Connections are renewed now and then, so that a server that came back
		// after a failover gets its share again.
		p.SetConnMaxLifetime(30 * time.Minute)
		p.SetConnMaxIdleTime(5 * time.Minute)
	}
	err := db.fault(ctx, durable.PingContext(ctx))
	if err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	db.gather(remoteShards)
	return db, nil
}

// contact is when a server was heard of last, in ns.
type contact struct {
	answered atomic.Int64 // it did what it was asked
	renewed  atomic.Int64 // the connections to it were
}

// answer notes that the server answers. A nil contact notes nothing.
func (c *contact) answer() {
	if c != nil {
		c.answered.Store(time.Now().UnixNano())
	}
}

// lost reports, once in a while, that the server was late and says nothing.
func (c *contact) lost() bool {
	if c == nil {
		return false
	}
	const quiet, once = time.Second, 5 * time.Second
	now, renewed := time.Now().UnixNano(), c.renewed.Load()
	return now-c.answered.Load() >= int64(quiet) && now-renewed >= int64(once) && c.renewed.CompareAndSwap(renewed, now)
}

// renew closes the idle connections to a server that did not answer in time. Its
// machine may be gone, and another in its place: each of them would keep somebody
// waiting in vain, and there are many.
func (db *DB) renew() {
	if !db.contact.lost() {
		return
	}
	for _, p := range []*pool{db.reading, db.durable, db.relaxed} {
		p.SetMaxIdleConns(0)
		p.SetMaxIdleConns(p.Stats().MaxOpenConnections)
	}
}

// unreachable reports whether an error is of the way to the server.
func unreachable(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, gone := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// settle decides a batch of rotations by statements that can change each session
// but once: statement takes rotations of different sessions, in the order of
// their ids, and says what became of them. As a rule all sessions of a batch
// differ, and there is one round. Those who keep one generation of a session need no
// round each: all but the last of them would be overwritten at once.
func settle(rotations []rotation, statement func([]rotation) (map[session.ID]advanced, error)) ([]advanced, error) {
	outcomes := make([]advanced, len(rotations))
	var pending []int
	for i := range rotations {
		pending = append(pending, i)
	}
	for len(pending) > 0 {
		first := map[session.ID]rotation{}
		for _, i := range pending {
			r := rotations[i]
			if head, taken := first[r.session]; !taken || r.keeps(head) {
				first[r.session] = r
			}
		}
		round := slices.Collect(maps.Values(first))
		// Always in one order: two nodes that lock the same rows do not meet head on.
		slices.SortFunc(round, func(a, b rotation) int { return bytes.Compare(a.session[:], b.session[:]) })
		decided, err := statement(round)
		if err != nil {
			return nil, err
		}
		settled := map[session.ID]bool{}
		var rest []int
		for _, i := range pending {
			r := rotations[i]
			head, its := first[r.session], decided[r.session]
			switch {
			case its.held: // whoever it is that comes first
				outcomes[i] = its
			case !settled[r.session], r.keeps(head):
				settled[r.session] = true
				outcomes[i] = its
			case its.won && r.from != head.next.Generation:
				// It lost: right after the first, the generation is another.
			case !its.won && r.from == head.from:
				// It lost as the first did.
			default:
				rest = append(rest, i)
			}
		}
		pending = rest
	}
	return outcomes, nil
}

// keeps reports whether both keep the same generation of the same session.
func (r rotation) keeps(o rotation) bool {
	return r.session == o.session && r.from == o.from && r.next.Generation == r.from && o.next.Generation == r.from
}

// hint is an error with what to do about it.
func hint(name string, err error, advice string) error {
	return fmt.Errorf("%s: %w: %s", name, err, advice)
}
