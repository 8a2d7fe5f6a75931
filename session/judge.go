package session

import (
	"fmt"
	"time"
)

// Kind is what the rule says of one presented refresh token.
type Kind uint8

// The verdicts. See judge for when each is given.
const (
	Ended     Kind = iota + 1 // the session is over: terminal
	Keep                      // the token stays current: a new access token only
	Rotate                    // the token is replaced by its successor
	Replay                    // the successor is handed out again to the same request
	Straggler                 // an old token of an honest client: nothing given, nothing revoked
	Reuse                     // an old token that only a thief would present: revoke
	Ahead                     // a token from a future the store does not know: refuse and alarm
)

// String is the verdict's name in logs, metrics and the session's timeline.
func (k Kind) String() string {
	names := [...]string{Ended: "ended", Keep: "keep", Rotate: "rotate", Replay: "replay", Straggler: "straggler", Reuse: "reuse", Ahead: "ahead"}
	if k < Ended || int(k) >= len(names) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return names[k]
}

// Verdict is what judge decided. Nothing has happened yet: the caller acts.
type Verdict struct {
	Kind   Kind
	Reason Reason // for Ended

	// Healed says that the store had lost a rotation and the token proved it.
	Healed bool

	// Write says that Next must replace the stored register, by compare and
	// set from the generation that was judged, before anything is answered.
	Write bool
	Next  Register

	// Current is the generation of the refresh token the client should hold
	// after this, and CurrentAt the issue time in it. For Keep, Rotate, Replay.
	Current   uint64
	CurrentAt time.Time
}

// judge is the refresh rule: what becomes of a token of generation t and issue
// time issued, presented with a request key for the session s, at the time now.
// It is a pure function; the service, the simulation and the model checker
// share it. With g the stored generation, the first row that matches decides:
//
//	the session is revoked, expired or idle      ended
//	t = g, g emitted less than MinAge ago        keep
//	t = g                                        rotate
//	t = g−1, the key that made g                 replay, however late
//	t = g−1, no key then nor now, g made at
//	  most RetryWindow ago                       replay
//	t < g, g made at most RetryWindow ago        straggler
//	t < g                                        reuse
//	t = g+1                                      heal: take t as g, made and
//	                                               emitted now by this request; go on
//	t > g+1                                      ahead (heal, in a recovery window)
//
// Every condition is necessary: TestEveryConditionIsNecessary finds an honest
// client signed out, or a thief unnoticed, when any is dropped. Generations are
// compared as 64-bit numbers so that nothing wraps.
func judge(s Session, t Token, key RequestKey, p Policy, now time.Time) Verdict {
	g, presented := s.Generation, uint64(t.Generation)

	// A token that proves a later refresh than the store knows also proves that
	// the session was not idle then: a lost write must not end it.
	if presented >= g {
		if proven := p.idleUntil(t.IssuedAt, s.ExpiresAt); proven.After(s.IdleUntil) {
			s.IdleUntil = proven
		}
	}
	if reason, ended := s.EndedBy(now); ended {
		return Verdict{Kind: Ended, Reason: reason}
	}

	switch {
	case presented > g:
		if presented > g+1 && !p.Recovery.admits(s, t, p, now) {
			return Verdict{Kind: Ahead}
		}
		// When the lost write was made, when its token was emitted last, and by
		// which request, went with it. Now is the safe answer: requests with
		// the token before it may be on their way still, and answers with it.
		// So a healed session rests for MinAge, in which the healing reaches
		// the disk: a second crash never finds two rotations missing.
		s.Register = Register{
			Generation: presented,
			RotatedAt:  now,
			EmittedAt:  now,
			RequestKey: key,
			IdleUntil:  p.idleUntil(now, s.ExpiresAt),
		}
		verdict := current(s, key, p, now)
		verdict.Healed = true
		if !verdict.Write {
			verdict.Write, verdict.Next = true, s.Register
		}
		return verdict
	case presented == g:
		return current(s, key, p, now)
	}

	fresh := now.Sub(s.RotatedAt) <= p.RetryWindow
	if presented+1 == g {
		sameRequest := key != RequestKey{} && key == s.RequestKey
		unkeyed := key == RequestKey{} && s.RequestKey == RequestKey{}
		if sameRequest || unkeyed && fresh {
			next := s.Register
			next.EmittedAt = now
			next.IdleUntil = p.idleUntil(now, s.ExpiresAt)
			return Verdict{Kind: Replay, Write: true, Next: next, Current: g, CurrentAt: s.RotatedAt}
		}
	}
	if fresh {
		return Verdict{Kind: Straggler}
	}
	return Verdict{Kind: Reuse, Reason: ReuseDetected}
}

// current decides about the token of the session's own generation.
func current(s Session, key RequestKey, p Policy, now time.Time) Verdict {
	keep := Verdict{Kind: Keep, Current: s.Generation, CurrentAt: s.RotatedAt}
	if now.Sub(s.EmittedAt) < p.MinAge {
		return keep
	}
	if !p.Rotation {
		keep.Write, keep.Next = true, s.Register
		keep.Next.EmittedAt = now
		keep.Next.IdleUntil = p.idleUntil(now, s.ExpiresAt)
		return keep
	}
	if s.Generation >= MaxGeneration {
		return Verdict{Kind: Ended, Reason: Expired}
	}
	return Verdict{
		Kind: Rotate, Write: true, Current: s.Generation + 1, CurrentAt: now,
		Next: Register{
			Generation: s.Generation + 1,
			RotatedAt:  now,
			EmittedAt:  now,
			RequestKey: key,
			IdleUntil:  p.idleUntil(now, s.ExpiresAt),
		},
	}
}
