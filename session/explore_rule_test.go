package session

import (
	"testing"
)

// Small numbers in place of 10, 15 and 30 seconds, in the same order: a message
// arrives within one tick, and the store may forget what is one tick old.
var ordinary = laws{retryWindow: 2, minAge: 4}

// Promises 1 and 5: whatever happens to its messages, and whatever the store
// forgets in crashes, an honest client is let in, and is let in after any sleep.
func TestAnHonestClientIsNeverSignedOut(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		household
		deep bool
	}{
		"two messages":                       {household: household{slots: 2}},
		"three messages":                     {household: household{slots: 3}},
		"no minimum age":                     {household: household{slots: 2, laws: laws{retryWindow: 2}}},
		"reading and writing apart":          {household: household{slots: 2, racing: true}},
		"crashes":                            {household: household{slots: 2, syncs: 1}},
		"crashes, three messages":            {household: household{slots: 3, syncs: 1}, deep: true},
		"crashes amid reading and writing":   {household: household{slots: 2, syncs: 1, racing: true}, deep: true},
		"longer journeys":                    {household: household{slots: 2, life: 2, syncs: 2, laws: laws{retryWindow: 3, minAge: 7}}, deep: true},
		"request keys made from the token":   {household: household{slots: 2, syncs: 1, client: client{keys: derived}}},
		"a client that takes what comes":     {household: household{slots: 2, syncs: 1, syncReplays: true, client: client{hasty: true}}},
		"a browser":                          {household: household{slots: 3, client: client{browser: true}}},
		"a browser that is slow to leave":    {household: household{slots: 2, racing: true, client: client{browser: true, slow: true}}},
		"a browser, crashes":                 {household: household{slots: 2, syncs: 1, syncReplays: true, client: client{browser: true}}},
		"a browser, all at once":             {household: household{slots: 2, racing: true, syncs: 1, syncReplays: true, client: client{browser: true, slow: true}}, deep: true},
		"a browser, three messages":          {household: household{slots: 3, racing: true, client: client{browser: true, slow: true}}, deep: true},
		"a browser, three messages, crashes": {household: household{slots: 3, syncs: 1, syncReplays: true, client: client{browser: true}}, deep: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if row.deep && (underRace || testing.Short()) {
				t.Skip("deep")
			}
			h := row.household
			if h.laws.retryWindow == 0 {
				h.laws = ordinary
			}
			if found := h.search(t); found.bad != "" {
				t.Error(found)
			} else {
				t.Log(found)
			}
		})
	}
}

// Promise 2: whoever copies a token does not go on beside the owner, nor keep
// the owner out, without the session being ended.
func TestAThiefIsNoticed(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]heist{
		"who has one token":   {},
		"who races the owner": {racing: true},
		"who has the whole storage: they get the one pending answer": {loot: theStorage, allowed: 1},
		"at a crash: they get what the store forgot":                 {syncs: 1, allowed: 1},
		"who has the storage, at a crash, in a race":                 {loot: theStorage, syncs: 1, racing: true, allowed: 2},
		"who has a token that request keys are made from":            {keys: derived},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.laws = ordinary
			if found := h.search(t); found.bad != "" {
				t.Error(found)
			} else {
				t.Log(found)
			}
		})
	}
}

// Clients that know nothing of request keys are told from a thief by time alone.
// These are the limits, from both sides.
func TestClientsWithoutKeys(t *testing.T) {
	t.Parallel()
	type searcher interface{ search(*testing.T) exploration }
	none := client{keys: absent}
	slow := func(window age) laws { return laws{retryWindow: window, minAge: 6} }
	for name, row := range map[string]struct {
		world searcher
		want  string
		steps int
	}{
		"owner: all answers arrive":                           {world: household{client: none, slots: 3, lossless: true, laws: ordinary}},
		"owner: an answer is lost, and the retry is late":     {world: household{client: none, slots: 1, laws: ordinary}, want: honestReuse, steps: 8},
		"owner: two journeys fit into the window":             {world: household{client: none, slots: 2, lossless: true, life: 2, laws: slow(4)}},
		"owner: two journeys do not fit into the window":      {world: household{client: none, slots: 2, lossless: true, life: 2, laws: slow(3)}, want: honestReuse, steps: 9},
		"thief: comes within the window of every rotation":    {world: heist{keys: absent, allowed: 3, laws: ordinary}, want: sideBySide, steps: 21},
		"thief: misses the window of one rotation":            {world: heist{keys: absent, leash: true, laws: ordinary}},
		"thief: is never within the window, nor is the owner": {world: heist{keys: absent, calm: true, laws: ordinary}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := row.world.search(t)
			if found.bad != row.want || len(found.trace) != row.steps {
				t.Errorf("want %q after %d steps; %v", row.want, row.steps, found)
			}
		})
	}
}
