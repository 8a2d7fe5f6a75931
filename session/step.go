package session

import (
	"context"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// Rule decides what becomes of a session's register: whether it is replaced by
// next, of a greater generation. It is given the session, ended or not, and its user.
//
// A Stepper may call it on a goroutine of its own, and again if nothing came of
// the last time: it must be quick and must not ask a store.
type Rule func(s Session, u account.User) (next Register, advance bool)

// Stepper is a Store beside whose sessions their users are kept, so that it can do
// in one step what else takes a Find of each and an Advance. Not every Store can;
// what a Service does is the same.
type Stepper interface {
	// Step finds the session and its user, has the rule decide, and advances the
	// session from the generation found if the rule says so. It reports false if it
	// said so and somebody else was faster. What Store.Advance promises holds for
	// it. It fails with ErrNotFound for an unknown session, account.ErrNotFound
	// for an unknown user.
	//
	// When it has failed, above all when the context ended, the rule may still be
	// called: what the rule leaves behind is to be read only after a success.
	Step(ctx context.Context, id ID, rule Rule) (bool, error)

	// Beside reports whether those are the users that Step finds. Where it is false
	// Step is not called.
	Beside(users Users) bool
}

// stepOf is Stepper.Step: of a Store that is one, for these users, or done apart.
func stepOf(store Store, users Users) func(context.Context, ID, Rule) (bool, error) {
	if beside, ok := store.(Stepper); ok && beside.Beside(users) {
		return func(ctx context.Context, id ID, rule Rule) (bool, error) {
			won, err := beside.Step(ctx, id, rule)
			if err != nil {
				return false, ended(id, fmt.Errorf("step the session: %w", err))
			}
			return won, nil
		}
	}
	return apart{store, users}.step
}

// apart takes the steps of a Store that is no Stepper.
type apart struct {
	store Store
	users Users
}

func (a apart) step(ctx context.Context, id ID, rule Rule) (bool, error) {
	session, user, err := a.find(ctx, id)
	if err != nil {
		return false, err
	}
	next, advance := rule(session, user)
	if !advance {
		return true, nil
	}
	advanced, err := a.store.Advance(ctx, id, session.Generation, next)
	if err != nil {
		return false, fmt.Errorf("advance the session: %w", err)
	}
	return advanced, nil
}

// find reads the session and its user.
func (a apart) find(ctx context.Context, id ID) (session Session, user account.User, err error) {
	if session, err = a.store.Find(ctx, id); err != nil {
		return Session{}, account.User{}, ended(id, fmt.Errorf("find the session: %w", err))
	}
	if user, err = a.users.Find(ctx, session.UserID); err != nil {
		return Session{}, account.User{}, ended(id, fmt.Errorf("find the session's user: %w", err))
	}
	return session, user, nil
}

// judgement is the verdict on a session and its user, as they were found.
type judgement struct {
	Verdict
	session Session
	user    account.User
	at      time.Time
}

// judge has the refresh rule decide on a token that was presented for a session, as of now.
//
// It may have waited here, for a database that was slow. That must not make theft of a
// retry that came in time, so the window is longer by as much. Where there is none, nothing is in time.
func (s *Service) judge(found Session, user account.User, token Token, p Presented, arrived time.Time) judgement {
	j := judgement{session: found, user: user, at: s.now()}
	policy := s.Policy
	if policy.RetryWindow > 0 {
		policy.RetryWindow += j.at.Sub(arrived)
	}
	j.Verdict = judge(found, token, p.Key, policy, j.at)
	switch j.Kind {
	case Keep, Rotate, Replay:
		if user.Blocked() {
			j.Verdict = Verdict{Kind: Ended, Reason: UserBlocked}
		}
	}
	j.Next.LastSeen = p.From
	return j
}

// inStep reports whether what the verdict writes is written in the step that found
// the session. Else it is written apart, durably, before anything is answered.
func (j judgement) inStep() bool {
	return j.Write && !j.Healed && j.Next.Generation > j.session.Generation
}
