package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

// SignOut ends the session of a presented refresh token: of any generation, for
// whoever holds an old token may end the session but not prolong it. A session
// that is unknown or ended already is no error; what is no token of ours is ErrToken.
func (s *Service) SignOut(ctx context.Context, p Presented) error {
	return s.endPresented(ctx, p, SignedOut)
}

// Supersede ends the session of a presented refresh token as SignOut does,
// because another has begun in its place.
func (s *Service) Supersede(ctx context.Context, p Presented) error {
	return s.endPresented(ctx, p, Superseded)
}

func (s *Service) endPresented(ctx context.Context, p Presented, reason Reason) error {
	token, err := s.Tokens.Open(p.Token, p.ClientID, p.Delivery)
	if err != nil {
		return err
	}
	session, err := s.Store.Find(ctx, token.SessionID())
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("find the session: %w", err)
	}
	_, err = s.end(ctx, session, Tombstone{At: s.now(), Reason: reason, By: session.UserID.String()})
	return err
}

// Holder returns the live session whose current refresh token, or the one
// before it, is presented. It gives nothing and changes nothing: it is how a
// request that carries only a refresh token shows whose it is. It fails as
// Refresh does.
func (s *Service) Holder(ctx context.Context, p Presented) (Session, error) {
	token, err := s.Tokens.Open(p.Token, p.ClientID, p.Delivery)
	if err != nil {
		return Session{}, err
	}
	session, _, err := s.Alive(ctx, token.SessionID())
	if err != nil {
		return Session{}, err
	}
	if uint64(token.Generation)+1 < session.Generation {
		return Session{}, &Refusal{Kind: Straggler, Session: session.ID}
	}
	return session, nil
}

// Alive returns a session that has not ended and its user, who is not blocked, as
// the store has them now. Otherwise it fails with a *Refusal that is ErrEnded.
func (s *Service) Alive(ctx context.Context, id ID) (Session, account.User, error) {
	session, user, err := apart{s.Store, s.Users}.find(ctx, id)
	if err != nil {
		return Session{}, account.User{}, err
	}
	reason, ended := session.EndedBy(s.now())
	if !ended && user.Blocked() {
		reason, ended = UserBlocked, true
	}
	if ended {
		return Session{}, account.User{}, &Refusal{Kind: Ended, Reason: reason, Session: id}
	}
	return session, user, nil
}

// End ends one session, for the reason and by whom it says, and reports whether
// this call did. One that is unknown is ErrNotFound; one that has ended keeps
// its tombstone and is false.
func (s *Service) End(ctx context.Context, id ID, reason Reason, by string) (bool, error) {
	session, err := s.Store.Find(ctx, id)
	if err != nil {
		return false, fmt.Errorf("find the session: %w", err)
	}
	return s.end(ctx, session, Tombstone{At: s.now(), Reason: reason, By: by})
}

// EndOwn ends a session that belongs to the user; one that does not is
// ErrNotFound, as if it did not exist.
func (s *Service) EndOwn(ctx context.Context, user account.ID, id ID, reason Reason) (bool, error) {
	session, err := s.Store.Find(ctx, id)
	if err != nil {
		return false, fmt.Errorf("find the session: %w", err)
	}
	if session.UserID != user {
		return false, ErrNotFound
	}
	return s.end(ctx, session, Tombstone{At: s.now(), Reason: reason, By: user.String()})
}

// EndUser ends all sessions of a user but except (zero: none) and returns how
// many it ended.
func (s *Service) EndUser(ctx context.Context, user account.ID, except ID, reason Reason, by string) (int, error) {
	ctx, cancel := settled(ctx)
	defer cancel()
	tombstone := Tombstone{At: s.now(), Reason: reason, By: by}
	ended, err := s.Store.RevokeUser(ctx, user, except, tombstone)
	if err != nil {
		return 0, fmt.Errorf("end the user's sessions: %w", err)
	}
	for _, id := range ended {
		s.Announce(Revocation{Session: id, At: tombstone.At})
		s.recordEnd(ctx, Session{ID: id, UserID: user}, tombstone)
	}
	return len(ended), nil
}

// end revokes one session, durably, tells who follows, and records it.
func (s *Service) end(ctx context.Context, session Session, t Tombstone) (bool, error) {
	ctx, cancel := settled(ctx)
	defer cancel()
	did, err := s.Store.Revoke(ctx, session.ID, t)
	if err != nil {
		return false, fmt.Errorf("end the session: %w", err)
	}
	if did {
		s.Announce(Revocation{Session: session.ID, At: t.At})
		s.recordEnd(ctx, session, t)
	}
	return did, nil
}

func (s *Service) recordEnd(ctx context.Context, session Session, t Tombstone) {
	s.record(ctx, audit.Event{
		Type: audit.SessionEnded, User: session.UserID.String(), Session: session.ID.String(), Actor: t.By,
		Detail: map[string]string{"reason": string(t.Reason)},
	})
}
