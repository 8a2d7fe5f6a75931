package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/trace"
)

// ErrUserChanged is returned by Begin if the user's password, roles or block
// changed while they signed in: what was checked no longer holds. No session remains.
var ErrUserChanged = errors.New("the account changed while signing in")

// Begin starts a session for a user whose password has just been checked, and
// gives its first tokens. The session is durable before it returns. If the user
// has more than Policy.PerUser live sessions, the one that was quiet longest ends.
func (s *Service) Begin(ctx context.Context, user account.User, clientID string, d Delivery, from Origin) (Grant, error) {
	ctx, span := trace.Start(ctx, "session.begin")
	defer span.End()
	now := s.now()
	token, err := newToken(s.Rand, now)
	if err != nil {
		return Grant{}, err
	}
	expires := now.Add(s.Policy.TTL)
	session := Session{
		ID:        token.SessionID(),
		UserID:    user.ID,
		ClientID:  clientID,
		Delivery:  d,
		CreatedAt: now,
		ExpiresAt: expires,
		Birth:     from,
		Register: Register{
			Generation: 1,
			RotatedAt:  now,
			EmittedAt:  now,
			IdleUntil:  s.Policy.idleUntil(now, expires),
			LastSeen:   from,
		},
	}
	if err := s.Store.Begin(ctx, session); err != nil {
		return Grant{}, fmt.Errorf("begin a session: %w", err)
	}

	// A block or a change of password ends the sessions there are. One that is
	// born meanwhile must not slip through: the user is read again, after the birth.
	current, err := s.Users.Find(ctx, user.ID)
	if err != nil {
		return Grant{}, fmt.Errorf("read the user again: %w", err)
	}
	if current.Blocked() || current.Epoch != user.Epoch {
		if _, err := s.end(ctx, session, Tombstone{At: now, Reason: Superseded, By: "system"}); err != nil {
			return Grant{}, err
		}
		return Grant{}, ErrUserChanged
	}

	if err := s.makeRoom(ctx, session); err != nil {
		return Grant{}, err
	}
	s.record(ctx, audit.Event{
		Type: audit.SessionBegun, User: user.ID.String(), Session: session.ID.String(), Actor: user.ID.String(),
		IP: from.IP, UserAgent: from.UserAgent,
		Detail: map[string]string{"client": clientID, "delivery": d.String()},
	})
	grant, err := s.grant(user, session, now)
	if err != nil {
		return Grant{}, err
	}
	grant.RefreshToken, grant.Renewed = s.Tokens.Seal(token, clientID, d), true
	return grant, nil
}

// makeRoom ends the user's quietest sessions beyond the limit, sparing newest.
func (s *Service) makeRoom(ctx context.Context, newest Session) error {
	live, err := s.Store.ByUser(ctx, newest.UserID, newest.CreatedAt)
	if err != nil {
		return fmt.Errorf("list the user's sessions: %w", err)
	}
	excess := len(live) - s.Policy.PerUser
	if excess <= 0 {
		return nil
	}
	slices.SortFunc(live, func(a, b Session) int { return a.EmittedAt.Compare(b.EmittedAt) })
	for _, old := range live {
		if excess == 0 {
			break
		}
		if old.ID == newest.ID {
			continue
		}
		if _, err := s.end(ctx, old, Tombstone{At: newest.CreatedAt, Reason: TooManySessions, By: "system"}); err != nil {
			return err
		}
		excess--
	}
	return nil
}
