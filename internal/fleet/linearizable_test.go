//go:build linux

package fleet

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Owners and thieves refresh at random nodes, owners sign out, and nodes are
// killed. What was answered must be what one machine could have answered that did
// one thing after the other; what was not answered may have happened, then or
// later, or not.
//
// The model in store/storetest is of a store's verbs, each of which is answered.
// This one is of what clients see: the whole rule, by HTTP, with answers lost.
func TestTheFleetIsLinearizable(t *testing.T) {
	f := assemble(t, newPostgres(t).address(""), "--min-token-age", "0s", "--retry-window", "0s")
	const users, devices = 3, 6
	kills := int64(6)
	if testing.Short() {
		kills = 2
	}
	c := newCrowd(f)
	var histories []*history
	for range users {
		for _, d := range c.join(devices, true) {
			histories = append(histories, &history{fleet: f, session: len(histories), token: d.held.token, born: time.Now()})
		}
	}
	var answers atomic.Int64
	f.killing(&answers, 60, func() {
		for turn := 0; f.kills.Load() < kills && !t.Failed(); turn++ {
			var all sync.WaitGroup
			for i, h := range histories {
				all.Go(func() { h.round(turn, i%3 == 1, i%3 == 2, &answers) })
			}
			all.Wait()
			if turn%maxRounds == maxRounds-1 { // a history that is too long cannot be checked
				for i, h := range histories {
					histories[i] = h.next(c.begin(c.all()[0].owner, true).held.token)
				}
			}
		}
	})
	stolen, signedOut, operations, lost := 0, 0, 0, 0
	for _, h := range histories {
		for ; h != nil; h = h.before {
			h.check(t)
			operations += len(h.operations)
			for _, o := range h.operations {
				if o.Output.(sight).lost {
					lost++
				}
			}
			if h.robbed {
				stolen++
			}
			if h.left {
				signedOut++
			}
		}
	}
	t.Logf("%d node kills; %d operations on %d sessions, %d of them without an answer; %d sessions were stolen, %d signed out",
		f.kills.Load(), operations, len(c.all()), lost, stolen, signedOut)
	if stolen == 0 || signedOut == 0 || lost == 0 {
		t.Error("too little happened for a proof")
	}
}

// maxRounds is how many rounds a history has at most.
const maxRounds = 12

// history is what clients did to a session, and what they were answered.
type history struct {
	*fleet
	session int
	born    time.Time
	token   string   // the owner's
	before  *history // the session of this owner before

	mu         sync.Mutex
	operations []porcupine.Operation
	robbed     bool // a thief came
	left       bool // the owner signed out
	over       bool // the owner heard that the session has ended
}

func (h *history) next(token string) *history {
	return &history{fleet: h.fleet, session: h.session, born: time.Now(), token: token, before: h}
}

// asked is one request.
type asked struct {
	out        bool // a sign-out, or else a refresh
	generation uint32
	key        string
}

// sight is what came of it.
type sight struct {
	lost  bool // no answer
	ended bool
	token string
}

// round is what happens at about the same time: the owner's tabs present what they
// hold, with one key; in one of the rounds a thief presents the same, or the owner
// signs out.
func (h *history) round(turn int, robbed, leaves bool, answers *atomic.Int64) {
	if h.over {
		return
	}
	token, key := h.token, crand.Text()
	var all sync.WaitGroup
	turn %= maxRounds
	if robbed && turn == 3 {
		h.robbed = true
		all.Go(func() {
			loot := asked{generation: generationOf(h.t, token), key: crand.Text()}
			for h.do(loot, refresh(token, ""), answers).lost {
			}
		})
	}
	if leaves && turn == 5 {
		h.left = true
		all.Go(func() {
			for h.do(asked{out: true}, signOut(token), answers).lost {
			}
		})
	}
	for range 1 + rand.IntN(3) {
		all.Go(func() {
			for { // a retry bears the key of the first try
				saw := h.do(asked{generation: generationOf(h.t, token), key: key}, refresh(token, key), answers)
				if saw.lost {
					continue
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.over = h.over || saw.ended; !saw.ended {
					h.token = saw.token
				}
				return
			}
		})
	}
	all.Wait()
	if h.over && !h.robbed && !h.left {
		h.t.Errorf("the session of an honest owner has ended")
	}
	if (h.robbed && turn > 3 || h.left && turn > 5) && !h.over {
		h.t.Errorf("owner and thief both refreshed, or the owner signed out, and the session lives")
	}
}

// do sends a request to a node that is up, taken at random, and writes down what
// came of it.
func (h *history) do(what asked, c call, answers *atomic.Int64) sight {
	if !what.out {
		c.key = what.key
	}
	for asking := time.Now(); h.t.Context().Err() == nil; {
		if time.Since(asking) > 2*time.Minute || time.Since(h.born) > 10*time.Minute {
			h.t.Errorf("%s is never answered", c.path)
			break
		}
		began := time.Since(h.born)
		a, err := h.anyone(c)
		if errors.Is(err, errDown) {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		o := porcupine.Operation{Input: what, Call: int64(began), Return: int64(time.Since(h.born))}
		var saw sight
		switch {
		case err != nil, a.status == http.StatusServiceUnavailable:
			saw.lost, o.Return = true, math.MaxInt64 // it may yet happen
			time.Sleep(time.Millisecond)
		case a.status == http.StatusForbidden && a.text("session") == "ended":
			saw.ended = true
		case a.status == http.StatusOK:
			saw.token = a.text("refreshToken")
		default:
			h.t.Errorf("%s is answered %s", c.path, a)
		}
		answers.Add(1)
		o.Output = saw
		h.mu.Lock()
		defer h.mu.Unlock()
		o.ClientId = len(h.operations)
		h.operations = append(h.operations, o)
		return saw
	}
	return sight{ended: true}
}

// check fails the test if no order explains the history.
func (h *history) check(t *testing.T) {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(rule, h.operations, 3*time.Minute) {
	case porcupine.Illegal:
		t.Errorf("no order of these requests explains the answers:")
		for _, o := range h.operations {
			t.Logf("%9dµs – %9dµs %s", o.Call/1000, o.Return/1000, rule.DescribeOperation(o.Input, o.Output))
		}
	case porcupine.Unknown:
		t.Errorf("a history of %d requests is too long to be checked", len(h.operations))
	}
}

// state is all that the model knows of a session.
type state struct {
	generation uint32
	key        string // of the request that made it
	token      string // "": whoever got it was not answered
	ended      bool
}

// rule is the refresh rule where tokens may be replaced at once and old ones are
// never excused, in its shortest form.
var rule = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{generation: 1}} },
	Step: func(before, input, output any) []any {
		now, request, saw := before.(state), input.(asked), output.(sight)
		after, gives := now, false
		switch {
		case request.out:
			after.ended = true
		case now.ended:
		case request.generation > now.generation:
			return nil
		case request.generation == now.generation:
			after, gives = state{generation: now.generation + 1, key: request.key}, true
		case request.generation+1 == now.generation && request.key == now.key:
			gives = true
		default:
			after.ended = true
		}
		switch {
		case saw.lost && after == now:
			return []any{now}
		case saw.lost:
			return []any{now, after}
		case request.out:
			return []any{after}
		case saw.ended == gives, gives && after.token != "" && after.token != saw.token:
			return nil
		}
		after.token = saw.token // of one generation there is one token
		return []any{after}
	},
	DescribeOperation: func(input, output any) string {
		request, saw := input.(asked), output.(sight)
		what := fmt.Sprintf("refresh of generation %d with key %.4s", request.generation, request.key)
		if request.out {
			what = "sign-out"
		}
		switch {
		case saw.lost:
			return what + ": no answer"
		case saw.ended:
			return what + ": ended"
		}
		return what + ": done"
	},
}).ToModel()
