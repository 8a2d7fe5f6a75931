package session

import "testing"

// What must not happen, as the explorer tells it.
const (
	honestReuse = "an honest client gets reuse"
	sleptReuse  = "an honest client that slept gets reuse"
	sleptAhead  = "an honest client that slept gets ahead"
	sideBySide  = "thief and owner go on side by side"
	catchesUp   = "one who was left behind catches up"
	keptOut     = "the owner is kept out and nobody notices"
	wentOn      = "the theft is noticed and the session goes on"
)

// asked and said are the ordinary laws with one condition taken away: by what
// judge is asked, or by what becomes of its verdict.
func asked(change func(*question)) laws {
	l := ordinary
	l.ask = change
	return l
}

func said(change func(*question, *Verdict)) laws {
	l := ordinary
	l.say = change
	return l
}

// Every condition of the rule, every order between its numbers, and every duty of
// the store and of the clients is necessary: here each is taken away, and this
// is what happens then, after so many steps and no fewer. What is not here is
// about time alone (expiry, idleness: TestJudge) or about restored backups
// (t > g+1, the recovery window: TestSimulation in internal/simulate).
func TestEveryConditionIsNecessary(t *testing.T) {
	t.Parallel()
	browser := client{browser: true}
	for name, row := range map[string]struct {
		honest household
		thief  heist
		want   string
		steps  int
	}{
		// The rows of the rule, from the top.
		"ended: a revoked session is judged like another": {want: wentOn, steps: 7,
			thief: heist{laws: asked(func(q *question) { q.session.Tombstone = Tombstone{} })}},
		"keep: a token is replaced though it was just handed out": {want: sleptReuse, steps: 8,
			honest: household{client: browser, slots: 2, laws: laws{retryWindow: 2, minAge: 0}}},
		"keep: age counts from the rotation, not from when it was handed out last": {want: sleptReuse, steps: 13,
			honest: household{client: browser, slots: 2, laws: asked(func(q *question) { q.session.EmittedAt = q.session.RotatedAt })}},
		"keep: the token that stays is set again": {want: sleptReuse, steps: 14,
			honest: household{client: browser, slots: 2, laws: ordinary, resends: true}},
		"rotate: without compare-and-set": {want: sideBySide, steps: 5,
			thief: heist{racing: true, blind: true, laws: ordinary}},
		"rotate: the request key is not remembered": {want: sleptReuse, steps: 3,
			honest: household{slots: 1, laws: said(func(_ *question, v *Verdict) {
				if v.Kind == Rotate {
					v.Next.RequestKey = RequestKey{}
				}
			})}},
		"replay: whatever the request key": {want: sideBySide, steps: 3,
			thief: heist{laws: asked(func(q *question) {
				if q.previous() {
					q.key = q.session.RequestKey
				}
			})}},
		"replay: not for ever": {want: sleptReuse, steps: 3,
			honest: household{slots: 1, laws: asked(func(q *question) {
				if q.previous() && q.late() {
					q.key = RequestKey{255}
				}
			})}},
		"replay: does not count as handing out": {want: sleptReuse, steps: 13,
			honest: household{client: browser, slots: 2, laws: said(func(_ *question, v *Verdict) {
				if v.Kind == Replay {
					v.Write = false
				}
			})}},
		"replay without keys: though the request that rotated had one": {want: sideBySide, steps: 3,
			thief: heist{laws: asked(func(q *question) {
				if q.previous() && q.key == (RequestKey{}) {
					q.session.RequestKey = RequestKey{}
				}
			})}},
		"replay without keys: though this request has one": {want: sideBySide, steps: 3,
			thief: heist{laws: asked(func(q *question) {
				if q.previous() && q.session.RequestKey == (RequestKey{}) {
					q.key = RequestKey{}
				}
			})}},
		"replay without keys: however late": {want: catchesUp, steps: 5,
			thief: heist{keys: absent, leash: true, laws: asked(func(q *question) {
				if q.previous() && q.unkeyed() {
					q.session.RotatedAt = q.now
				}
			})}},
		"replay without keys: of any old token": {want: catchesUp, steps: 8,
			thief: heist{keys: absent, leash: true, laws: asked(func(q *question) {
				if q.replaced() {
					q.token.Generation = uint32(q.session.Generation - 1)
				}
			})}},
		"straggler: is taken for a thief": {want: honestReuse, steps: 8,
			honest: household{slots: 2, syncs: 1, laws: asked(func(q *question) { q.policy.RetryWindow = -1 })}},
		"straggler: however late": {want: keptOut, steps: 10,
			thief: heist{laws: asked(func(q *question) {
				if q.replaced() {
					q.session.RotatedAt = q.now
				}
			})}},
		"reuse: the revocation is rolled back with the request that failed": {want: wentOn, steps: 7,
			thief: heist{forgives: true, laws: ordinary}},
		"heal: not at all": {want: sleptAhead, steps: 5,
			honest: household{slots: 1, syncs: 1, laws: said(func(_ *question, v *Verdict) {
				if v.Healed {
					*v = Verdict{Kind: Ahead}
				}
			})}},
		"heal: as if rotated when the token was issued": {want: honestReuse, steps: 14,
			honest: household{slots: 2, syncs: 1, laws: said(func(q *question, v *Verdict) {
				if v.Healed {
					v.Next.RotatedAt = q.token.IssuedAt
				}
			})}},
		"heal: as if handed out when the token was issued": {want: sleptAhead, steps: 15,
			honest: household{client: browser, slots: 2, syncs: 1, syncReplays: true, laws: said(func(q *question, v *Verdict) {
				if v.Healed {
					v.Next.EmittedAt = q.token.IssuedAt
				}
			})}},
		"heal: and rotate in one go": {want: sleptAhead, steps: 9,
			honest: household{slots: 1, syncs: 1, laws: said(func(q *question, v *Verdict) {
				if v.Healed {
					v.Kind, v.Current, v.CurrentAt = Rotate, v.Current+1, q.now
					v.Next.Generation = v.Current
				}
			})}},

		// The numbers.
		"a message outlives the retry window": {want: honestReuse, steps: 12,
			honest: household{slots: 2, syncs: 1, life: 3, laws: ordinary}},
		"a message outlives the minimum age": {want: sleptReuse, steps: 12,
			honest: household{client: browser, slots: 2, life: 4, laws: laws{retryWindow: 5, minAge: 4}}},
		"the retry window is as long as the minimum age": {want: keptOut, steps: 13,
			thief: heist{laws: laws{retryWindow: 3, minAge: 3}}},

		// The store.
		"the store forgets as much as the minimum age": {want: sleptAhead, steps: 12,
			honest: household{slots: 1, syncs: 4, laws: ordinary}},
		"the store forgets that a token was handed out again": {want: sleptReuse, steps: 15,
			honest: household{client: browser, slots: 2, syncs: 1, laws: ordinary}},

		// The clients.
		"client: another key for each request": {want: sleptReuse, steps: 3,
			honest: household{client: client{newKeyPerRequest: true}, slots: 1, laws: ordinary}},
		"client: the key is not stored": {want: sleptReuse, steps: 3,
			honest: household{client: client{keyInMemory: true}, slots: 1, laws: ordinary}},
		"client: a new key though the token stays": {want: sleptReuse, steps: 13,
			honest: household{client: client{newKeyPerAnswer: true}, slots: 2, laws: ordinary}},
		"client: keys made from the token and a stored secret": {want: sideBySide, steps: 21,
			thief: heist{keys: derived, loot: theStorage, allowed: 3, laws: ordinary}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found exploration
			if row.honest.slots > 0 {
				found = row.honest.search(t)
			} else {
				found = row.thief.search(t)
			}
			if found.bad != row.want || len(found.trace) != row.steps {
				t.Errorf("want %q after %d steps; %v", row.want, row.steps, found)
			}
		})
	}
}
