package session

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The rule, row by row. A row says only what differs from the ordinary case: a
// session in its tenth generation, rotated an hour ago by a request without a
// key, and a token of that generation.
func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	born := now.Add(-5 * 24 * time.Hour)
	hourAgo := now.Add(-time.Hour)
	mine, other := RequestKey{1}, RequestKey{2}

	type change func(s *Session, t *Token, key *RequestKey, p *Policy)
	presented := func(generation uint32) change {
		return func(_ *Session, t *Token, _ *RequestKey, _ *Policy) { t.Generation = generation }
	}
	issued := func(at time.Time) change {
		return func(_ *Session, t *Token, _ *RequestKey, _ *Policy) { t.IssuedAt = at }
	}
	rotated := func(ago time.Duration) change {
		return func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.RotatedAt = now.Add(-ago) }
	}
	emitted := func(ago time.Duration) change {
		return func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.EmittedAt = now.Add(-ago) }
	}
	keys := func(stored, sent RequestKey) change {
		return func(s *Session, _ *Token, key *RequestKey, _ *Policy) { s.RequestKey, *key = stored, sent }
	}
	none := RequestKey{}

	for name, row := range map[string]struct {
		given []change
		want  Kind
		why   Reason
		heals bool
		holds uint64 // the generation the client should hold after it
	}{
		"the current token rotates":                     {want: Rotate, holds: 11},
		"the current token, handed out just now, stays": {given: []change{emitted(29 * time.Second)}, want: Keep, holds: 10},
		"at the minimum age exactly it rotates":         {given: []change{emitted(30 * time.Second)}, want: Rotate, holds: 11},
		"it is the last emission that counts":           {given: []change{rotated(time.Hour), emitted(time.Second)}, want: Keep, holds: 10},
		"a clock that ran back keeps":                   {given: []change{emitted(-time.Minute)}, want: Keep, holds: 10},
		"the same request gets its successor again":     {given: []change{presented(9), keys(mine, mine)}, want: Replay, holds: 10},
		"without keys, soon after, too":                 {given: []change{presented(9), rotated(15 * time.Second)}, want: Replay, holds: 10},
		"without keys, late, it is a thief":             {given: []change{presented(9), rotated(15*time.Second + 1)}, want: Reuse},
		"another request, soon after, is a straggler":   {given: []change{presented(9), keys(mine, other), rotated(time.Second)}, want: Straggler},
		"another request, late, is a thief":             {given: []change{presented(9), keys(mine, other)}, want: Reuse},
		"no key where one was: straggler":               {given: []change{presented(9), keys(mine, none), rotated(time.Second)}, want: Straggler},
		"no key where one was, late: a thief":           {given: []change{presented(9), keys(mine, none)}, want: Reuse},
		"a key where none was: straggler":               {given: []change{presented(9), keys(none, mine), rotated(time.Second)}, want: Straggler},
		"two generations back, soon after: straggler":   {given: []change{presented(8), rotated(time.Second)}, want: Straggler},
		"two back with the right key is no replay":      {given: []change{presented(8), keys(mine, mine)}, want: Reuse},
		"the first generation, late: a thief":           {given: []change{presented(1)}, want: Reuse},
		"one ahead heals, and rests":                    {given: []change{presented(11), issued(hourAgo)}, want: Keep, heals: true, holds: 11},
		"without a minimum age it rotates at once":      {given: []change{presented(11), issued(hourAgo), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) { p.MinAge = 0 }}, want: Rotate, heals: true, holds: 12},
		"two ahead is a future we do not know":          {given: []change{presented(12)}, want: Ahead},
		"far ahead too":                                 {given: []change{presented(MaxGeneration)}, want: Ahead},
		"a revoked session stays ended": {given: []change{func(s *Session, _ *Token, _ *RequestKey, _ *Policy) {
			s.Tombstone = Tombstone{At: hourAgo, Reason: SignedOut}
		}}, want: Ended, why: SignedOut},
		"an old token of a revoked session: ended": {given: []change{presented(3), func(s *Session, _ *Token, _ *RequestKey, _ *Policy) {
			s.Tombstone = Tombstone{At: hourAgo, Reason: ReuseDetected}
		}}, want: Ended, why: ReuseDetected},
		"a token from ahead does not revive the revoked": {given: []change{presented(11), issued(now), func(s *Session, _ *Token, _ *RequestKey, _ *Policy) {
			s.Tombstone = Tombstone{At: hourAgo, Reason: SignedOut}
		}}, want: Ended, why: SignedOut},
		"its absolute end comes, used or not":        {given: []change{func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.ExpiresAt = now }}, want: Ended, why: Expired},
		"nobody refreshed for too long":              {given: []change{func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.IdleUntil = now }, issued(now.Add(-8 * 24 * time.Hour))}, want: Ended, why: Idle},
		"a token that proves a refresh was not idle": {given: []change{presented(11), issued(now.Add(-24 * time.Hour)), func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.IdleUntil = hourAgo }}, want: Keep, heals: true, holds: 11},
		"rotation off: the token stays for ever":     {given: []change{func(_ *Session, _ *Token, _ *RequestKey, p *Policy) { p.Rotation = false }}, want: Keep, holds: 10},
		"the highest generation is the last":         {given: []change{presented(MaxGeneration), func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.Generation = MaxGeneration }}, want: Ended, why: Expired},
		"nothing wraps at zero":                      {given: []change{presented(MaxGeneration), func(s *Session, _ *Token, _ *RequestKey, _ *Policy) { s.Generation = 0 }}, want: Ahead},
		"in a recovery window, what was lost is admitted": {given: []change{presented(15), issued(hourAgo), rotated(3 * time.Hour), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Keep, heals: true, holds: 15},
		"as much as fits into the lost time": {given: []change{presented(10 + 243), issued(hourAgo), rotated(3 * time.Hour), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Keep, heals: true, holds: 10 + 243},
		"but not more": {given: []change{presented(10 + 243 + 1), issued(hourAgo), rotated(3 * time.Hour), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Ahead},
		"again, after an older token was admitted": {given: []change{presented(15), issued(hourAgo), rotated(30 * time.Second), emitted(30 * time.Second), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Keep, heals: true, holds: 15},
		"but the older one is a thief's then": {given: []change{presented(8), issued(hourAgo), rotated(30 * time.Second), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Reuse},
		"a token issued after the restore cannot be ahead": {given: []change{presented(12), issued(now), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-2 * time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Ahead},
		"the window revives nobody": {given: []change{presented(15), issued(hourAgo), func(s *Session, _ *Token, _ *RequestKey, p *Policy) {
			s.Tombstone = Tombstone{At: hourAgo, Reason: SignedOut}
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Ended, why: SignedOut},
		"nor what was issued before the backup": {given: []change{presented(12), issued(now.Add(-3 * time.Hour)), rotated(4 * time.Hour), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-time.Minute), ClosesAt: now.Add(time.Hour)}
		}}, want: Ahead},
		"nor after the window closed": {given: []change{presented(12), issued(hourAgo), func(_ *Session, _ *Token, _ *RequestKey, p *Policy) {
			p.Recovery = Recovery{RestoredTo: now.Add(-2 * time.Hour), ReopenedAt: hourAgo, ClosesAt: now}
		}}, want: Ahead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := Session{
				CreatedAt: born, ExpiresAt: born.Add(30 * 24 * time.Hour),
				Register: Register{Generation: 10, RotatedAt: hourAgo, EmittedAt: hourAgo, IdleUntil: now.Add(24 * time.Hour)},
			}
			token := Token{Generation: 10, IssuedAt: hourAgo}
			var key RequestKey
			policy := DefaultPolicy()
			for _, change := range row.given {
				change(&session, &token, &key, &policy)
			}
			before := session
			got := judge(session, token, key, policy, now)
			if got.Kind != row.want || got.Reason != row.why && row.why != "" || got.Healed != row.heals || got.Current != row.holds {
				t.Errorf("judge = %v %q, healed %v, holds %d; want %v %q, healed %v, holds %d",
					got.Kind, got.Reason, got.Healed, got.Current, row.want, row.why, row.heals, row.holds)
			}
			if diff := cmp.Diff(before, session); diff != "" {
				t.Errorf("judge changed what it was given:\n%s", diff)
			}
			if got.Write && got.Next.Generation < before.Generation {
				t.Errorf("the generation would fall from %d to %d", before.Generation, got.Next.Generation)
			}
			switch got.Kind {
			case Ended, Straggler, Reuse, Ahead:
				if got.Write {
					t.Errorf("%v writes the register", got.Kind)
				}
			}
		})
	}
}

// What a verdict writes: each field for its reason.
func TestJudgeWrites(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	policy := DefaultPolicy()
	session := Session{
		ExpiresAt: now.Add(3 * 24 * time.Hour),
		Register:  Register{Generation: 4, RotatedAt: now.Add(-time.Hour), EmittedAt: now.Add(-time.Hour), RequestKey: RequestKey{7}, IdleUntil: now.Add(time.Hour)},
	}
	t.Run("a rotation", func(t *testing.T) {
		t.Parallel()
		got := judge(session, Token{Generation: 4}, RequestKey{8}, policy, now).Next
		want := Register{Generation: 5, RotatedAt: now, EmittedAt: now, RequestKey: RequestKey{8}, IdleUntil: session.ExpiresAt}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("a healing is a rotation that this request made now", func(t *testing.T) {
		t.Parallel()
		got := judge(session, Token{Generation: 5, IssuedAt: now.Add(-30 * time.Minute)}, RequestKey{8}, policy, now).Next
		want := Register{Generation: 5, RotatedAt: now, EmittedAt: now, RequestKey: RequestKey{8}, IdleUntil: session.ExpiresAt}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("a replay tells that the token was emitted again, to somebody who is not idle", func(t *testing.T) {
		t.Parallel()
		got := judge(session, Token{Generation: 3}, RequestKey{7}, policy, now).Next
		want := session.Register
		want.EmittedAt, want.IdleUntil = now, session.ExpiresAt
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("rotation off prolongs the idle time", func(t *testing.T) {
		t.Parallel()
		policy := policy
		policy.Rotation = false
		got := judge(session, Token{Generation: 4}, RequestKey{}, policy, now).Next
		want := session.Register
		want.EmittedAt, want.IdleUntil = now, session.ExpiresAt
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
