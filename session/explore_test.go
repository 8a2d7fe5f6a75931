package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The explorer walks through every state that a small world can reach: a session,
// its client, the messages between them, a clock that ticks. Anything may happen
// at any step, but what becomes of a presented token is decided by judge itself:
// the rule that is explored is the rule that runs.
//
// A world has no history: generations are counted from the stored one, ages stop
// growing where they no longer matter, and names are given anew in the order in
// which they appear. So there are finitely many states, and a search that ends
// has covered every number of rotations and every length of time.

// A step is one transition; how it is told in a trace.
type step struct {
	verb string
	n    int8
}

// exploration is what a search found.
type exploration struct {
	states int
	bad    string   // what must not happen, or ""
	trace  []string // the shortest way there
}

func (e exploration) String() string {
	if e.bad == "" {
		return fmt.Sprintf("safe: %d states, all there are", e.states)
	}
	return fmt.Sprintf("%s, after %d steps (%d states):\n\t%s", e.bad, len(e.trace), e.states, strings.Join(e.trace, "\n\t"))
}

// visitor is told of each transition; bad says why it must not be possible.
type visitor[S any] func(how step, to S, bad string)

// explore searches breadth first from start. A search that is cut short proves
// nothing, so more states than expected fail the test.
func explore[S comparable](t *testing.T, start S, next func(S, visitor[S])) exploration {
	t.Helper()
	const limit = 2_000_000
	states, parents := []S{start}, []int32{-1}
	known := map[S]struct{}{start: {}}
	for i := 0; i < len(states); i++ {
		var found exploration
		next(states[i], func(how step, to S, bad string) {
			if bad != "" {
				if found.bad == "" {
					found = exploration{bad: bad, trace: []string{how.told(to)}}
				}
				return
			}
			if _, seen := known[to]; !seen {
				known[to] = struct{}{}
				states, parents = append(states, to), append(parents, int32(i))
			}
		})
		if found.bad != "" {
			for child := int32(i); parents[child] >= 0; child = parents[child] {
				how, told := states[child], false
				next(states[parents[child]], func(s step, to S, _ string) {
					if !told && to == how {
						found.trace, told = append(found.trace, s.told(to)), true
					}
				})
			}
			slices.Reverse(found.trace)
			found.states = len(states)
			return found
		}
		if len(states) > limit {
			t.Fatalf("more than %d states", limit)
		}
	}
	return exploration{states: len(states)}
}

func (s step) told(to any) string {
	return fmt.Sprintf("%-28s %v", fmt.Sprintf("%s %d", s.verb, s.n), to)
}

// name stands for a secret: a request key, or the text of a token. 0 is none.
type name uint8

// age counts ticks, up to where it makes no difference any more.
type age uint8

// ticket is a refresh token: its generation, counted from the stored one; which
// text of that generation it is; how long ago it was issued.
type ticket struct {
	generation int8
	text       name
	issued     age
}

// row is the register of the stored session. The generation is 0 for the
// current one and less for the one that a crash would bring back.
type row struct {
	generation       int8
	text             name // of the current token, as far as it was ever given
	key              name
	rotated, emitted age
	revoked          bool
}

// ancient is the generation at which tokens stop growing older: more crashes in a
// row than the store can lose would be needed to make one matter again.
const ancient = -4

// question is what judge is asked.
type question struct {
	session Session
	token   Token
	key     RequestKey
	policy  Policy
	now     time.Time
}

func (q *question) replaced() bool { return uint64(q.token.Generation) < q.session.Generation }
func (q *question) previous() bool { return uint64(q.token.Generation)+1 == q.session.Generation }
func (q *question) late() bool     { return q.now.Sub(q.session.RotatedAt) > q.policy.RetryWindow }
func (q *question) unkeyed() bool {
	return q.key == RequestKey{} && q.session.RequestKey == RequestKey{}
}

// laws are the rule under test: judge, with two numbers, and perhaps with one of
// its conditions taken away. A condition is taken away by changing what judge is
// asked, or what it says: a copy of judge without it would drift.
type laws struct {
	retryWindow, minAge age
	ask                 func(*question)
	say                 func(*question, *Verdict)
}

// forever is an age that differs from every greater one in nothing.
func (l laws) forever() age { return max(l.minAge, l.retryWindow) + 1 }

// ruling is a verdict in the terms of a world.
type ruling struct {
	kind   Kind
	healed bool
	write  bool
	next   row
	given  ticket // generation counted from the row that was judged; text 0: none
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// rule asks judge what becomes of a token. fresh is a name that nothing in the
// world bears yet.
func (l laws) rule(stored row, t ticket, key, fresh name) ruling {
	const g = 100
	ago := func(a age) time.Time { return noon.Add(-time.Duration(a) * time.Second) }
	q := question{
		session: Session{
			ExpiresAt: noon.Add(1000 * time.Hour),
			Register: Register{
				Generation: g, RotatedAt: ago(stored.rotated), EmittedAt: ago(stored.emitted),
				RequestKey: RequestKey{byte(stored.key)}, IdleUntil: noon.Add(1000 * time.Hour),
			},
		},
		token:  Token{Generation: uint32(g + int(t.generation)), IssuedAt: ago(t.issued)},
		key:    RequestKey{byte(key)},
		policy: DefaultPolicy(),
		now:    noon,
	}
	q.policy.MinAge, q.policy.RetryWindow = time.Duration(l.minAge)*time.Second, time.Duration(l.retryWindow)*time.Second
	if stored.revoked {
		q.session.Tombstone = Tombstone{At: noon, Reason: ReuseDetected}
	}
	if l.ask != nil {
		l.ask(&q)
	}
	v := judge(q.session, q.token, q.key, q.policy, q.now)
	if l.say != nil {
		l.say(&q, &v)
	}

	since := func(at time.Time) age { return min(age(noon.Sub(at)/time.Second), l.forever()) }
	r := ruling{kind: v.Kind, healed: v.Healed, write: v.Write, next: stored}
	if v.Write {
		r.next = row{
			generation: int8(int(v.Next.Generation) - g), text: stored.text, key: name(v.Next.RequestKey[0]),
			rotated: since(v.Next.RotatedAt), emitted: since(v.Next.EmittedAt),
		}
		switch {
		case v.Kind == Rotate:
			r.next.text = fresh
		case v.Healed && v.Next.RotatedAt.Equal(q.token.IssuedAt):
			r.next.text = t.text
		case v.Healed:
			r.next.text = fresh // a replay would be issued at another time
		}
	}
	switch v.Kind {
	case Rotate, Replay:
		r.given = ticket{generation: int8(int(v.Current) - g), text: r.next.text, issued: since(v.CurrentAt)}
	}
	return r
}

// grants reports whether the verdict lets the client go on.
func (r ruling) grants() bool { return r.kind == Keep || r.kind == Rotate || r.kind == Replay }

// rebase counts generations from another stored one.
func (t *ticket) rebase(by int8) {
	if t.text != 0 {
		t.generation = max(ancient, t.generation-by)
	}
}

func (t *ticket) grow(forever age) {
	if t.text != 0 {
		t.issued = min(t.issued+1, forever)
	}
}

func (r *row) grow(forever age) {
	r.rotated, r.emitted = min(r.rotated+1, forever), min(r.emitted+1, forever)
}

func (t ticket) String() string {
	if t.text == 0 {
		return "nothing"
	}
	return fmt.Sprintf("g%+d/%d", t.generation, t.text)
}

// names renames what bears a name, in the order of asking.
type names struct {
	to   [64]name
	last name
}

func (n *names) rename(old *name) {
	if *old == 0 {
		return
	}
	if n.to[*old] == 0 {
		n.last++
		n.to[*old] = n.last
	}
	*old = n.to[*old]
}
