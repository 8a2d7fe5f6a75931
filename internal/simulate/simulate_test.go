package simulate

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/session"
)

var seed = flag.Uint64("seed", 0, "run the simulations with this seed alone, and tell the story if a promise is broken")

// rough is as bad as the numbers allow: a message lives less than the retry
// window, two of them and the server's work less than the minimum age.
func rough(s Scenario) Scenario {
	s.Slowest, s.Loss, s.Repeat, s.Sleep = 9*time.Second, 0.1, 0.1, 0.03
	return s
}

// bad is rough, and most answers are late or lost.
func bad(s Scenario) Scenario {
	s.Loss, s.Repeat, s.Late = 0.4, 0.3, 0.6
	return s
}

// smooth is what clients without request keys need to stay signed in: no answer
// is lost, no request arrives twice (the second may rotate, and its answer goes to
// nobody), and two journeys fit into the retry window.
func smooth(s Scenario) Scenario {
	s.Slowest = 4 * time.Second
	return s
}

// The promises hold in every scenario, whatever the seed. What must also happen
// in it, sooner or later, is in sees: a simulation in which nothing happens would
// hold every promise.
//
// That it can fail was seen: each of these was taken out of session/judge.go or
// session/refresh.go, and the scenarios on the right broke a promise (and rows of
// TestJudge or the explorer's tests in package session failed, too).
//
//	keep: the minimum age                      a browser, an app, crashes, …
//	keep: counted from the last emission       a browser on a bad line
//	rotate: the request key is kept            all with keys
//	rotate: the session is not idle            thieves
//	rotate: compare-and-set                    all
//	replay: only with the same key             all thieves
//	replay: for ever                           all with keys
//	replay: counts as emission                 a browser on a bad line
//	replay: the session is not idle            an app, a failing store, …
//	replay without keys: at all                all without keys
//	replay without keys: none then             thieves of those with keys
//	replay without keys: none now              thieves of those with keys
//	replay without keys: soon                  a thief, without keys
//	replay without keys: of the last token     a thief, without keys
//	straggler: is no thief                     crashes, thieves
//	straggler: only for a while                all thieves
//	reuse: revokes                             all thieves
//	heal: at all                               crashes
//	heal: emitted now, so that it rests        crashes
//	heal: durably not idle                     crashes, a browser; a rare guest
//	ahead: is not healed                       TestARestoredBackupRevivesNobody
//	ended: who was revoked                     an administrator, thieves, …
//	ended: who was blocked                     an administrator
//	not idle: who holds a newer token          crashes, a rare guest
//
// That a healed session was made now, by this request, is too fine for chance:
// the explorer finds the one, TestJudgeWrites holds the other.
func TestSimulation(t *testing.T) {
	t.Parallel()
	const (
		keep, rotate, replay  = session.Keep, session.Rotate, session.Replay
		straggler, reuse, end = session.Straggler, session.Reuse, session.Ended
	)
	off := session.DefaultPolicy()
	off.Rotation = false
	body, cookie := session.Body, session.Cookie
	type kinds = []session.Kind
	for name, row := range map[string]struct {
		Scenario
		sees    kinds
		crashes bool
	}{
		"an app":                {rough(Scenario{Delivery: body, Keys: true}), kinds{keep, rotate, replay}, false},
		"an app in tabs":        {rough(Scenario{Delivery: body, Keys: true, Tabs: 4}), kinds{keep, rotate, replay}, false},
		"a browser":             {rough(Scenario{Delivery: cookie, Keys: true, Tabs: 4, Nodes: 2}), kinds{keep, rotate, replay}, false},
		"a browser, a bad line": {bad(rough(Scenario{Delivery: cookie, Keys: true, Tabs: 5, Nodes: 2})), kinds{keep, rotate, replay}, false},
		"a failing store":       {rough(Scenario{Delivery: body, Keys: true, Tabs: 3, Nodes: 2, Failure: 0.1}), kinds{keep, rotate, replay}, false},
		"crashes, an app":       {rough(Scenario{Delivery: body, Keys: true, Tabs: 3, Nodes: 2, Failure: 0.05, Crash: 0.3}), kinds{keep, rotate, replay}, true},
		"crashes, a browser":    {rough(Scenario{Delivery: cookie, Keys: true, Tabs: 3, Nodes: 2, Failure: 0.05, Crash: 0.3}), kinds{keep, rotate, replay}, true},
		"crashes, a rare guest": {rough(Scenario{Delivery: body, Keys: true, Tabs: 2, Seldom: true, Crash: 0.5}), kinds{keep, rotate, replay, end}, true},
		"an administrator":      {rough(Scenario{Delivery: cookie, Keys: true, Devices: 2, Tabs: 3, Nodes: 3, Failure: 0.05, Crash: 0.1, Admin: true}), kinds{keep, rotate, replay, end}, true},

		"a client without keys":          {smooth(Scenario{Delivery: body, Tabs: 3, Nodes: 2}), kinds{keep, rotate, replay}, false},
		"a browser without keys":         {smooth(Scenario{Delivery: cookie, Tabs: 3, Nodes: 2}), kinds{keep, rotate, replay}, false},
		"rotation off, first token kept": {rough(Scenario{Policy: off, Delivery: body, Tabs: 4, Nodes: 2, Failure: 0.05, Crash: 0.2, Admin: true}), kinds{keep, end}, true},

		"a thief of a token":    {rough(Scenario{Delivery: body, Keys: true, Tabs: 2, Nodes: 2, Failure: 0.05, Thief: TheToken}), kinds{rotate, replay, straggler, reuse}, false},
		"a thief of a cookie":   {rough(Scenario{Delivery: cookie, Keys: true, Tabs: 2, Nodes: 2, Failure: 0.05, Crash: 0.1, Thief: TheToken}), kinds{rotate, replay, straggler, reuse}, true},
		"a thief of a storage":  {rough(Scenario{Delivery: body, Keys: true, Tabs: 2, Nodes: 2, Failure: 0.05, Crash: 0.1, Thief: TheStorage}), kinds{rotate, replay, straggler, reuse}, true},
		"a thief, without keys": {smooth(Scenario{Delivery: body, Tabs: 2, Thief: TheToken}), kinds{rotate, replay, reuse}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, last := uint64(1), runs()
			if *seed != 0 {
				first, last = *seed, *seed
			}
			var all Outcome
			for seed := first; seed <= last; seed++ {
				outcome, err := row.Run(seed)
				if err != nil {
					story := row.Story(seed)
					t.Fatalf("%v\nagain: go test ./internal/simulate -run '%s' -seed %d\n%s", err, t.Name(), seed, strings.Join(story[max(0, len(story)-40):], "\n"))
				}
				all.Add(outcome)
			}
			t.Logf("%+v", all)
			if *seed != 0 {
				return
			}
			for _, kind := range row.sees {
				if all.Verdicts[kind] == 0 {
					t.Errorf("no verdict was %v", kind)
				}
			}
			if row.crashes != (all.LostRotations > 0) && row.Policy.Rotation != off.Rotation {
				t.Errorf("%d rotations were lost in %d crashes", all.LostRotations, all.Crashes)
			}
			if row.crashes && all.Healed == 0 && row.policy().Rotation {
				t.Error("nothing was healed")
			}
		})
	}
}

// runs is how many seeds each scenario is tried with.
func runs() uint64 {
	if underRace || testing.Short() {
		return 20
	}
	return 150
}

// A seed that breaks a promise must break it again.
func TestTheSameSeedIsTheSameWorld(t *testing.T) {
	t.Parallel()
	s := rough(Scenario{Delivery: session.Cookie, Keys: true, Devices: 2, Tabs: 3, Nodes: 3, Failure: 0.05, Crash: 0.2, Admin: true, Thief: TheStorage})
	one, again, another := s.Story(7), s.Story(7), s.Story(8)
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("the second time it went otherwise:\n%s", diff)
	}
	if len(one) < 50 || cmp.Equal(one, another) {
		t.Errorf("a story of %d lines, and the next seed's is the same: %v", len(one), cmp.Equal(one, another))
	}
}
