package httpapi

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/revocation"
	"github.com/watchwordauth/watchword/verify"
)

// bulletin is the signed document of this moment. It is made once and shared by
// all who ask, however many do: to sign costs more than to ask.
type bulletin struct {
	issuer      string
	revocations *revocation.Set
	sign        func(typ string, claims any) (string, error)
	now         func() time.Time // real time, for the pace

	mu         sync.Mutex
	state      verify.Snapshot
	version    uint64 // of state
	madeAt     time.Time
	set        string // names the entries of state
	full, beat string // signed; "" until somebody wants it
}

// bulletinPace is how often at most the entries are written anew. In a storm of
// sign-outs they change a thousand times a second, and each time every follower
// would get them all.
const bulletinPace = 100 * time.Millisecond

// edition is one document of a bulletin.
type edition struct {
	document string // with all entries, unless the reader holds them
	set      string // names the entries

	// later is when something newer can be had that is known already; zero if
	// this is of now.
	later time.Duration
}

// fresh returns an edition of no earlier than now, for who has just come and must not
// miss what was acknowledged before. It may have to wait for it.
func (b *bulletin) fresh(ctx context.Context, held string) (edition, error) {
	e, err := b.read(ctx, held)
	if err != nil || e.later == 0 {
		return e, err
	}
	select {
	case <-time.After(e.later):
		return b.read(ctx, held)
	case <-ctx.Done():
		return edition{}, ctx.Err()
	}
}

// read returns the newest edition for a reader who holds the entries of a name.
func (b *bulletin) read(_ context.Context, held string) (edition, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	later := b.renew()
	document, err := &b.beat, error(nil)
	payload := b.state.Heartbeat
	if b.set != held {
		document, payload = &b.full, b.state.Payload
	}
	if *document == "" {
		*document, err = b.sign(verify.FeedType, json.RawMessage(payload()))
	}
	return edition{document: *document, set: b.set, later: later}, err
}

// renew takes over what changed, unless it did so a moment ago; then it returns
// when that is over.
func (b *bulletin) renew() (later time.Duration) {
	version, asOf, now := b.revocations.Version(), b.revocations.AsOf(), b.now()
	switch {
	case b.set == "" || version != b.version:
		if wait := b.madeAt.Add(bulletinPace).Sub(now); b.set != "" && wait > 0 {
			return wait
		}
		// Read after the version: what comes in between is seen twice, never missed.
		s := b.revocations.Snapshot()
		b.state = verify.Snapshot{
			Issuer: b.issuer, AsOf: s.AsOf, Incarnation: s.Incarnation, Window: s.Window,
			Sessions: s.Sessions, Users: s.Users,
		}
		b.set, b.version, b.madeAt = b.state.Set(), version, now
	case asOf.After(b.state.AsOf):
		b.state.AsOf = asOf
	default:
		return 0
	}
	b.full, b.beat = "", ""
	return 0
}

// How many streams there are at most: each holds a connection. Whoever gets none
// asks every second instead, which package verify does by itself.
const (
	maxStreams        = 1000
	maxStreamsAddress = 100 // of one address or IPv6 /64, so that one client cannot take them all
)

// streams counts those that are open.
type streams struct {
	mu    sync.Mutex
	total int
	from  map[netip.Prefix]int
}

// open takes a place for a stream, and returns how to give it back, or nil if
// there is none.
func (s *streams) open(address netip.Addr) (done func()) {
	place := subscriber(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= maxStreams || s.from[place] >= maxStreamsAddress {
		return nil
	}
	if s.from == nil {
		s.from = make(map[netip.Prefix]int)
	}
	s.total++
	s.from[place]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.from[place]--; s.from[place] == 0 {
			delete(s.from, place)
		}
	}
}

// count is how many are open.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// subscriber is what one client has to choose addresses from: an IPv4 address, or
// an IPv6 /64. What is not known is all one.
func subscriber(address netip.Addr) netip.Prefix {
	bits := 64
	if address.Is4() {
		bits = 32
	}
	place, _ := address.Prefix(bits) // the zero Prefix of the zero Addr
	return place
}
