package ledger

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
)

// Options are what a ledger may be given beside its stores. The zero value is good.
type Options struct {
	Now    func() time.Time // default: time.Now
	Logger *slog.Logger     // default: slog.Default

	// Users are those who are kept beside the sessions of the durable store. If it is a
	// session.Stepper for them so is the ledger: a refresh then asks the durable store
	// once, and else three times.
	Users session.Users
}

const (
	// brief is how long a revocation, once it is durable, waits for the fast store.
	brief = 2 * time.Second

	// tries bounds how often a step is repeated that lost against somebody else.
	tries = 8
)

// errContended is returned if a step lost that often.
var errContended = errors.New("a session is moved between stores by too many at once")

// sessions is a session.Store.
type sessions struct {
	fast, durable session.Store
	now           func() time.Time
	logger        *slog.Logger
}

// Keep returns a session.Store that is as fast as the one and, for what must not be lost,
// as durable as the other. The fast store must keep the contract but for its
// durability. Sessions that are in the durable one alone, from before there
// was a fast one, move at their first use.
func Keep(fast, durable session.Store, o Options) session.Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	both := &sessions{fast: fast, durable: durable, now: o.Now, logger: o.Logger}
	if beside, ok := durable.(session.Stepper); ok && o.Users != nil && beside.Beside(o.Users) {
		return stepper{both, beside, o.Users}
	}
	return both
}

// Begin implements session.Store.
func (s *sessions) Begin(ctx context.Context, new session.Session) error {
	if err := s.durable.Begin(ctx, entryOf(new)); err != nil {
		return err
	}
	return s.fast.Begin(ctx, new)
}

// finding is what a store answers to Find, where unknown is no error.
type finding struct {
	session.Session
	known bool
	err   error
}

func find(ctx context.Context, store session.Store, id session.ID) finding {
	found, err := store.Find(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		return finding{}
	}
	return finding{Session: found, known: err == nil, err: err}
}

// Find implements session.Store.
func (s *sessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	entries := make(chan finding, 1)
	go func() { entries <- find(ctx, s.durable, id) }()
	found := find(ctx, s.fast, id)
	entry := <-entries
	if err := errors.Join(entry.err, found.err); err != nil {
		return session.Session{}, err
	}
	if entry.known && entry.Generation != elsewhere {
		return s.move(ctx, entry.Session)
	}
	switch {
	case !entry.known && !found.known:
		return session.Session{}, session.ErrNotFound
	case !entry.known:
		return found.Session, nil
	case found.known && entry.Revoked() && !found.Revoked():
		return s.endFast(ctx, entry.Session)
	case found.known && found.Revoked() && !entry.Revoked():
		// The durable store lost it, or was not told yet: it must be.
		if _, err := s.durable.Revoke(ctx, id, found.Tombstone); err != nil {
			return session.Session{}, err
		}
		return join(entry.Session, found.Session), nil
	case found.known:
		return join(entry.Session, found.Session), nil
	case entry.Revoked():
		return born(entry.Session), nil
	case rotated(entry.Session):
		return s.unlessLost(ctx, entry.Session)
	}
	return s.beginAgain(ctx, entry.Session)
}

// endFast gives a session its tombstone in the fast store, too, and returns it as it is
// then: no rotation that is under way succeeds once somebody has seen the end.
func (s *sessions) endFast(ctx context.Context, entry session.Session) (session.Session, error) {
	if _, err := s.fast.Revoke(ctx, entry.ID, entry.Tombstone); err != nil {
		return session.Session{}, err
	}
	return s.again(ctx, entry)
}

// beginAgain brings back a session whose birth the fast store has lost.
func (s *sessions) beginAgain(ctx context.Context, entry session.Session) (session.Session, error) {
	if err := s.fast.Begin(ctx, born(entry)); err != nil && !errors.Is(err, session.ErrExists) {
		return session.Session{}, err
	}
	return s.again(ctx, entry)
}

// again reads a session anew in the fast store. If that has lost it this very moment,
// what the entry says stands.
func (s *sessions) again(ctx context.Context, entry session.Session) (session.Session, error) {
	found := find(ctx, s.fast, entry.ID)
	switch {
	case found.err != nil:
		return session.Session{}, found.err
	case !found.known:
		return born(entry), nil
	}
	return join(entry, found.Session), nil
}

// unlessLost finds a session that the fast store did not know, and that was rotated
// there: it may have been asked before somebody brought the session. What is lost is not
// made up: an old token must not pass for a current one.
func (s *sessions) unlessLost(ctx context.Context, entry session.Session) (session.Session, error) {
	found, err := s.fast.Find(ctx, entry.ID)
	if err != nil {
		return session.Session{}, err
	}
	return join(entry, found), nil
}

// move brings a session from the durable store to the fast one. Until its register there
// is beyond all tokens it is the durable store's, where servers that know of no other may
// rotate it meanwhile.
func (s *sessions) move(ctx context.Context, was session.Session) (session.Session, error) {
	for range tries {
		if was.Revoked() {
			return was, nil
		}
		err := s.fast.Begin(ctx, was)
		if errors.Is(err, session.ErrExists) {
			var found session.Session
			if found, err = s.fast.Find(ctx, was.ID); err == nil && found.Generation < was.Generation {
				_, err = s.fast.Advance(ctx, was.ID, found.Generation, was.Register)
			}
		}
		if err != nil {
			return session.Session{}, err
		}
		if _, err := s.durable.Advance(ctx, was.ID, was.Generation, floor(was.Register, was.ExpiresAt)); err != nil {
			return session.Session{}, err
		}
		// Whether it was this call or another that moved it: what is there counts.
		entry, err := s.durable.Find(ctx, was.ID)
		if err != nil {
			return session.Session{}, err
		}
		if entry.Generation != elsewhere {
			was = entry
			continue
		}
		if entry.Revoked() {
			return s.endFast(ctx, entry)
		}
		return s.again(ctx, entry)
	}
	return session.Session{}, errContended
}

// Advance implements session.Store. That a session is revoked is asked before the fast store
// decides: a revocation that was acknowledged before this call is seen, even if
// the fast store has lost it.
func (s *sessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	entry := find(ctx, s.durable, id)
	switch {
	case entry.err != nil:
		return false, entry.err
	case entry.known && entry.Revoked():
		return false, nil
	case entry.known && entry.Generation != elsewhere:
		if _, err := s.move(ctx, entry.Session); err != nil {
			return false, err
		}
		if entry = find(ctx, s.durable, id); entry.err != nil || entry.Revoked() {
			return false, entry.err
		}
	}
	return s.advance(ctx, entry, id, from, next)
}

// advance advances a session whose entry is not revoked, and has moved if there is one.
func (s *sessions) advance(ctx context.Context, entry finding, id session.ID, from uint64, next session.Register) (bool, error) {
	if next.Generation != from && entry.known && entry.Generation == elsewhere && !rotated(entry.Session) {
		// Once, and after each write that kept the generation: from now on the entry knows
		// of no register that could be made up from it. If it cannot be told, it has ended.
		if did, err := s.durable.Advance(ctx, id, elsewhere, forget(entry.Session)); err != nil || !did {
			return false, err
		}
	}
	did, err := s.fast.Advance(ctx, id, from, next)
	if err != nil || !did || !entry.known || next.Generation != from {
		return did, err
	}
	// What keeps the generation no token proves later: it must be durable. One that
	// is behind another that was written meanwhile has nothing to add.
	if entry.Generation == elsewhere && !rotated(entry.Session) && !next.EmittedAt.After(entry.EmittedAt) && !next.IdleUntil.After(idleUntil(entry.Session)) {
		return true, nil
	}
	kept := next
	if entry.Generation == elsewhere {
		kept = join(entry.Session, session.Session{Register: next}).Register
	}
	// The fast store has it, so that others may have seen it: if the session has ended
	// since, this was before.
	_, err = s.durable.Advance(ctx, id, elsewhere, floor(kept, entry.ExpiresAt))
	return err == nil, err
}

// Revoke implements session.Store.
func (s *sessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	did, err := s.durable.Revoke(ctx, id, t)
	if err != nil {
		return false, err
	}
	if !did {
		entry := find(ctx, s.durable, id)
		if entry.err != nil {
			return false, entry.err
		}
		if !entry.known {
			return s.enterEnded(ctx, id, t)
		}
		t = entry.Tombstone
	}
	s.endBriefly(ctx, t, id)
	return did, nil
}

// enterEnded ends a session of which only the fast store knows, if it does.
func (s *sessions) enterEnded(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	found := find(ctx, s.fast, id)
	if found.err != nil || !found.known {
		return false, found.err
	}
	did := !found.Revoked()
	if did {
		found.Tombstone = t
	}
	err := s.durable.Begin(ctx, entryOf(found.Session))
	if errors.Is(err, session.ErrExists) { // somebody else was faster
		did, err = s.durable.Revoke(ctx, id, t)
	}
	if err != nil {
		return false, err
	}
	s.endBriefly(ctx, t, id)
	return did, nil
}

// endBriefly tells the fast store of revocations that are durable. If it cannot
// be reached now it is told when somebody finds them.
func (s *sessions) endBriefly(ctx context.Context, t session.Tombstone, ids ...session.ID) {
	ctx, cancel := context.WithTimeout(ctx, brief)
	defer cancel()
	_, err := batch.Each(ids, func(id session.ID) (bool, error) { return s.fast.Revoke(ctx, id, t) })
	if err != nil {
		s.logger.Warn("a revocation is durable, but the store of sessions was not told; it will be when the session is used", "sessions", len(ids), "err", err)
	}
}

// RevokeUser implements session.Store.
func (s *sessions) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	ended, err := s.durable.RevokeUser(ctx, user, except, t)
	if err != nil {
		return nil, err
	}
	s.endBriefly(ctx, t, ended...)

	// There may be some of which only the fast store knows.
	limited, cancel := context.WithTimeout(ctx, brief)
	defer cancel()
	others, err := s.fast.RevokeUser(limited, user, except, t)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.logger.Warn("a user's sessions are ended, but for such as the store of sessions alone knows, if any: it cannot be reached", "user", user, "err", err)
		return ended, nil
	}
	for _, id := range others {
		entry := find(ctx, s.durable, id)
		switch {
		case entry.err != nil:
			return nil, entry.err
		case entry.Revoked():
			continue
		case entry.known: // it began at this very moment
			did, err := s.durable.Revoke(ctx, id, t)
			if err != nil {
				return nil, err
			}
			if did {
				ended = append(ended, id)
			}
			continue
		}
		found, err := s.fast.Find(ctx, id)
		if err != nil {
			return nil, err
		}
		switch err := s.durable.Begin(ctx, entryOf(found)); {
		case errors.Is(err, session.ErrExists):
			continue // somebody else ended it
		case err != nil:
			return nil, err
		}
		ended = append(ended, id)
	}
	return ended, nil
}

// RevokedSince implements session.Store: the durable store knows all.
func (s *sessions) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	return s.durable.RevokedSince(ctx, at)
}
