package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/trace"
)

// Presented is a refresh token as a request brings it.
type Presented struct {
	Token    string
	ClientID string
	Delivery Delivery
	Key      RequestKey // see NewRequestKey
	From     Origin
}

// Refusal is why a refresh gave nothing. Ask errors.Is with ErrEnded,
// ErrStraggler and ErrAhead, or take it by errors.AsType.
type Refusal struct {
	Kind    Kind // Ended, Reuse, Straggler or Ahead
	Reason  Reason
	Session ID
}

// What a Refusal is. Only ErrEnded is terminal: the client must sign in again.
// At the others the session is alive and the client tries again.
var (
	ErrEnded     = errors.New("the session has ended")
	ErrStraggler = errors.New("a newer refresh token was issued")
	ErrAhead     = errors.New("the refresh token is newer than the store")
	ErrContended = errors.New("too many refreshes of one session at once")
)

// Error implements error.
func (r *Refusal) Error() string {
	if r.Reason != "" {
		return fmt.Sprintf("refresh refused: %s (%s)", r.Kind, r.Reason)
	}
	return fmt.Sprintf("refresh refused: %s", r.Kind)
}

// Is makes errors.Is find the sentinel that says what the client may do.
func (r *Refusal) Is(target error) bool {
	switch r.Kind {
	case Ended, Reuse:
		return target == ErrEnded
	case Straggler:
		return target == ErrStraggler
	case Ahead:
		return target == ErrAhead
	}
	return false
}

// Refresh gives new tokens for a presented one, as the refresh rule decides.
//
// It fails with ErrToken for what is no token of ours, with a *Refusal where the
// rule gives nothing, and with other errors where the store or the signer
// failed; then nothing is known to have happened, and trying again is safe.
// Reuse has revoked the session, durably, before it returns.
func (s *Service) Refresh(ctx context.Context, p Presented) (Grant, error) {
	ctx, span := trace.Start(ctx, "session.refresh")
	defer span.End()
	arrived := s.now()
	token, err := s.Tokens.Open(p.Token, p.ClientID, p.Delivery)
	if err != nil {
		return Grant{}, err
	}
	// A compare-and-set that is lost means that another refresh or a revocation
	// happened: the rule decides again on what is there now. Losing on and on
	// takes as many rivals, who did win.
	for range 8 {
		grant, won, err := s.refreshOnce(ctx, token, p, arrived)
		if err != nil || won {
			return grant, err
		}
	}
	return Grant{}, ErrContended
}

// refreshOnce judges once and acts. won is false if somebody else was faster.
func (s *Service) refreshOnce(ctx context.Context, token Token, p Presented, arrived time.Time) (grant Grant, won bool, err error) {
	var verdict judgement
	id := token.SessionID()
	won, err = s.step(ctx, id, func(found Session, user account.User) (Register, bool) {
		verdict = s.judge(found, user, token, p, arrived)
		return verdict.Next, verdict.inStep()
	})
	if err != nil || !won {
		return Grant{}, false, err
	}
	session := verdict.session
	if verdict.Healed {
		// The client gets no new token, so nothing it holds would prove this
		// healing to a store that lost it again: it would pass for idle. That
		// it is not idle is written first, durably, as what keeps the
		// generation is.
		alive := session.Register
		alive.IdleUntil = verdict.Next.IdleUntil
		won, err := s.Store.Advance(ctx, id, session.Generation, alive)
		if err != nil {
			return Grant{}, false, fmt.Errorf("prolong the session to be healed: %w", err)
		}
		if !won {
			return Grant{}, false, nil
		}
	}
	if verdict.Write && !verdict.inStep() {
		won, err := s.Store.Advance(ctx, id, session.Generation, verdict.Next)
		if err != nil {
			return Grant{}, false, fmt.Errorf("advance the session: %w", err)
		}
		if !won {
			return Grant{}, false, nil
		}
	}
	if verdict.Write {
		session.Register = verdict.Next
	}
	s.Observe(verdict.Kind, verdict.Healed)
	tell(ctx, verdict.Verdict)
	s.narrate(ctx, token, verdict, p.From)

	switch verdict.Kind {
	case Keep, Rotate, Replay:
		grant, err := s.grant(verdict.user, session, verdict.at)
		if err != nil {
			return Grant{}, false, err
		}
		grant.Renewed = verdict.Current != uint64(token.Generation)
		grant.RefreshToken = p.Token
		if grant.Renewed {
			grant.RefreshToken = s.Tokens.Seal(token.successor(verdict.Current, verdict.CurrentAt), p.ClientID, p.Delivery)
		}
		return grant, true, nil
	case Reuse:
		// Whoever asks will not get an answer that lets them go on, so a client
		// that hangs up must not stop the revocation.
		if _, err := s.end(ctx, session, Tombstone{At: verdict.at, Reason: ReuseDetected, By: "system"}); err != nil {
			return Grant{}, false, err
		}
	}
	return Grant{}, false, &Refusal{Kind: verdict.Kind, Reason: verdict.Reason, Session: session.ID}
}

// tell puts a verdict into the trace, if there is one.
func tell(ctx context.Context, v Verdict) {
	if span := trace.From(ctx); span != nil {
		span.Set("watchword.verdict", v.Kind.String())
		span.Set("watchword.healed", v.Healed)
	}
}

// ended is what the error of a look means. A session that is unknown has ended: it was
// never begun here, or it was forgotten long after its end; it is never made again.
// So has that of a user who is unknown.
func ended(id ID, err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, account.ErrNotFound) {
		return &Refusal{Kind: Ended, Reason: Unknown, Session: id}
	}
	return err
}

// narrate records what a session's timeline should tell: not the rotations,
// which the generation counts, but what was out of the ordinary.
func (s *Service) narrate(ctx context.Context, token Token, j judgement, from Origin) {
	session := j.session // as it was
	var kind audit.Type
	switch {
	case j.Healed:
		kind = audit.SessionHealed
	case j.Kind == Replay:
		kind = audit.SessionReplayed
	case j.Kind == Straggler:
		kind = audit.SessionStraggled
	case j.Kind == Reuse:
		kind = audit.SessionReused
	case j.Kind == Ahead:
		kind = audit.SessionAhead
	default:
		return
	}
	if !s.timeline.admit(session.ID, kind, s.now()) {
		return
	}
	s.record(ctx, audit.Event{
		Type: kind, User: session.UserID.String(), Session: session.ID.String(), Actor: "client",
		IP: from.IP, UserAgent: from.UserAgent,
		Detail: map[string]string{
			"presented": strconv.FormatUint(uint64(token.Generation), 10),
			"stored":    strconv.FormatUint(session.Generation, 10),
			"issued":    token.IssuedAt.Format(time.RFC3339),
		},
	})
}
