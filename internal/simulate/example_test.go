package simulate_test

import (
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/internal/simulate"
	"github.com/watchwordauth/watchword/session"
)

// An app in three tabs, on a bad line, with a store that crashes: one life of it.
func ExampleScenario_Run() {
	s := simulate.Scenario{
		Delivery: session.Body, Keys: true, Tabs: 3, Nodes: 2,
		Slowest: 9 * time.Second, Loss: 0.2, Repeat: 0.1, Crash: 0.5,
	}
	outcome, err := s.Run(1)
	fmt.Println("a promise was broken:", err != nil)
	fmt.Println("tokens were replaced:", outcome.Verdicts[session.Rotate] > 0)
	fmt.Println("and replayed:", outcome.Verdicts[session.Replay] > 0)
	// Output:
	// a promise was broken: false
	// tokens were replaced: true
	// and replayed: true
}

func ExampleScenario_Story() {
	s := simulate.Scenario{Delivery: session.Body, Keys: true, Moments: 3}
	fmt.Println(s.Story(1)[0])
	// Output:
	//             2s  device 0 signs in: 567c615710fbef56c7d3c2c21cf38869
}

func ExampleOutcome_Add() {
	var all simulate.Outcome
	for seed := range uint64(3) {
		outcome, err := simulate.Scenario{Delivery: session.Cookie, Keys: true}.Run(seed)
		if err != nil {
			fmt.Println(err)
		}
		all.Add(outcome)
	}
	fmt.Println(all.SignedIn >= 3, all.Crashes)
	// Output: true 0
}

// desk is a storage with nobody else at it.
type desk struct{ held simulate.Held }

func (d *desk) Load() simulate.Held { return d.held }

func (d *desk) Swap(held, next simulate.Held) bool {
	if d.held != held {
		return false
	}
	d.held = next
	return true
}

// The first answer is lost. The retry bears the same key, so that the server knows
// it, and gives the same answer.
func ExampleClient_Refresh() {
	storage := &desk{simulate.Held{Token: "first"}}
	sent := 0
	c := simulate.Client{
		Storage: storage,
		Send: func(held simulate.Held) (simulate.Answer, bool) {
			sent++
			fmt.Printf("%s with key %s\n", held.Token, held.Key)
			return simulate.Answer{Granted: true, Renewed: true, Token: "second"}, sent > 1
		},
		Pause:  func(time.Duration) {},
		NewKey: func() string { return "one" },
	}
	fmt.Println(c.Refresh())
	fmt.Printf("holds %s, key %q\n", storage.held.Token, storage.held.Key)
	// Output:
	// first with key one
	// first with key one
	// <nil>
	// holds second, key ""
}
