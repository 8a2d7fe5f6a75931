// Package revocation keeps what died lately: the sessions that were ended and
// the users whose epoch rose within the life of an access token. That is a
// handful of entries, however many sessions there are, so every node and every
// resource server holds all of it and asks nobody.
//
//	session ends ──► store ──poll──► Set on each node ──feed──► resource servers
//	      └───────── announce ────────┘ (this node: at once)
//
// It is state, never "events since": databases commit out of order, and a
// cursor would skip what commits late. It owns no goroutine: Follow runs in its
// caller's.
package revocation

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// Sessions tells of sessions that were ended; see session.Store.
type Sessions interface {
	RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error)
}

// Users tells of users whose epoch rose; see account.Store.
type Users interface {
	EpochsSince(ctx context.Context, at time.Time) ([]account.EpochChange, error)
}

// Set is the live revocations. It implements verify.Revocations. It is safe for
// concurrent use; reading takes no lock.
type Set struct {
	from        Sessions
	users       Users
	window      time.Duration
	now         func() time.Time
	logger      *slog.Logger
	incarnation string

	ended  sync.Map // session id, text → time of the revocation
	epochs sync.Map // user id, text → epochEntry

	asOf    atomic.Int64 // unix µs of the last complete reading
	version atomic.Uint64

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
}

type epochEntry struct {
	epoch uint64
	at    time.Time
}

// Margin is added to the life of an access token to get how long a revocation is
// kept: clocks of nodes may differ by so much.
const Margin = time.Minute

// New makes a Set that remembers revocations for accessTTL and Margin.
// incarnation distinguishes this start of this server from every other.
func New(sessions Sessions, users Users, accessTTL time.Duration, incarnation string, now func() time.Time, logger *slog.Logger) *Set {
	return &Set{
		from: sessions, users: users, window: accessTTL + Margin, incarnation: incarnation,
		now: now, logger: logger, changed: make(chan struct{}),
	}
}

// Revoked implements verify.Revocations.
func (s *Set) Revoked(sessionID string) bool {
	_, ok := s.ended.Load(sessionID)
	return ok
}

// Stale implements verify.Revocations.
func (s *Set) Stale(subject string, epoch uint64) bool {
	entry, ok := s.epochs.Load(subject)
	return ok && epoch < entry.(epochEntry).epoch
}

// SessionEnded adds a session that was ended on this node.
func (s *Set) SessionEnded(r session.Revocation) {
	if s.addSession(r) {
		s.announce()
	}
}

// EpochRaised adds a user whose epoch was raised on this node.
func (s *Set) EpochRaised(c account.EpochChange) {
	if s.addEpoch(c) {
		s.announce()
	}
}

func (s *Set) addSession(r session.Revocation) (added bool) {
	_, known := s.ended.LoadOrStore(r.Session.String(), r.At)
	return !known
}

// addEpoch adds an epoch that makes tokens stale. The first, with which every user
// begins, makes none.
func (s *Set) addEpoch(c account.EpochChange) (added bool) {
	if c.Epoch <= 1 {
		return false
	}
	key := c.User.String()
	for {
		old, known := s.epochs.LoadOrStore(key, epochEntry{c.Epoch, c.At})
		if !known {
			return true
		}
		if old.(epochEntry).epoch >= c.Epoch {
			return false
		}
		if s.epochs.CompareAndSwap(key, old, epochEntry{c.Epoch, c.At}) {
			return true
		}
	}
}

func (s *Set) announce() {
	s.version.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed returns a channel that is closed at the next change.
func (s *Set) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Load reads from the store everything that was revoked within the window, and
// forgets what is older. It must succeed once before the Set is relied on.
func (s *Set) Load(ctx context.Context) error {
	if err := s.read(ctx, s.window); err != nil {
		return err
	}
	oldest, forgot := s.now().Add(-s.window), false
	s.ended.Range(func(id, at any) bool {
		if at.(time.Time).Before(oldest) {
			s.ended.Delete(id)
			forgot = true
		}
		return true
	})
	s.epochs.Range(func(id, entry any) bool {
		if entry.(epochEntry).at.Before(oldest) {
			forgot = s.epochs.CompareAndDelete(id, entry) || forgot
		}
		return true
	})
	if forgot {
		s.version.Add(1) // nobody waits for it
	}
	return nil
}

// read unites the Set with what the store tells of the last span of time.
func (s *Set) read(ctx context.Context, span time.Duration) error {
	asOf := s.now()
	since := asOf.Add(-span)
	sessions, err := s.from.RevokedSince(ctx, since)
	if err != nil {
		return fmt.Errorf("read revoked sessions: %w", err)
	}
	users, err := s.users.EpochsSince(ctx, since)
	if err != nil {
		return fmt.Errorf("read raised epochs: %w", err)
	}
	added := false
	for _, r := range sessions {
		added = s.addSession(r) || added
	}
	for _, c := range users {
		added = s.addEpoch(c) || added
	}
	s.asOf.Store(asOf.UnixMicro())
	if added {
		s.announce()
	}
	return nil
}

// How often Follow looks, and how far back. Short looks see what other nodes
// ended; the whole window is read now and then for what committed very late.
const (
	lookEvery  = 400 * time.Millisecond
	lookBack   = time.Minute
	reloadEach = 15 * time.Second

	// lookWithin is how long a look may take: a connection to a machine that is gone
	// says nothing for minutes, while the next one would answer at once.
	lookWithin = 5 * time.Second
)

// Follow keeps the Set up to date with what other nodes do until the context ends.
func (s *Set) Follow(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	lastLoad := s.now()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		look, cancel := context.WithTimeout(ctx, lookWithin)
		var err error
		if now := s.now(); now.Sub(lastLoad) >= reloadEach {
			if err = s.Load(look); err == nil {
				lastLoad = now
			}
		} else {
			err = s.read(look, lookBack)
		}
		cancel()
		if err != nil && ctx.Err() == nil && !failing {
			s.logger.Error("revocations of other nodes cannot be read; what this node ends is known", "error", err)
		}
		if err == nil && failing {
			s.logger.Info("revocations of other nodes are read again")
		}
		failing = err != nil
	}
}

// Size is how many ended sessions and raised epochs are remembered.
func (s *Set) Size() (sessions, users int) {
	s.ended.Range(func(any, any) bool { sessions++; return true })
	s.epochs.Range(func(any, any) bool { users++; return true })
	return sessions, users
}

// Version rises with every change of the entries: as long as it is equal, so is
// what Snapshot returns, but for AsOf.
func (s *Set) Version() uint64 { return s.version.Load() }

// AsOf is when the store was read last: everything committed before is known.
func (s *Set) AsOf() time.Time { return time.UnixMicro(s.asOf.Load()).UTC() }

// Snapshot is the whole state at a moment.
type Snapshot struct {
	Incarnation string
	Version     uint64    // rises with every change; means nothing to another incarnation
	AsOf        time.Time // everything committed before is in it
	Window      time.Duration
	Sessions    []string          // ids of ended sessions, sorted
	Users       map[string]uint64 // user id → the lowest epoch that is not stale
}

// Snapshot returns the state for followers.
func (s *Set) Snapshot() Snapshot {
	snapshot := Snapshot{
		Incarnation: s.incarnation,
		Version:     s.Version(),
		AsOf:        s.AsOf(),
		Window:      s.window,
		Users:       make(map[string]uint64),
	}
	s.ended.Range(func(id, _ any) bool {
		snapshot.Sessions = append(snapshot.Sessions, id.(string))
		return true
	})
	slices.Sort(snapshot.Sessions)
	s.epochs.Range(func(id, entry any) bool {
		snapshot.Users[id.(string)] = entry.(epochEntry).epoch
		return true
	})
	return snapshot
}
