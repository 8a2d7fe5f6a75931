package simulate

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
)

// town is everything and everybody in one simulation.
type town struct {
	*world
	scenario Scenario
	set      store.Set // users and events; sessions are in store
	store    *fallible
	keys     *session.TokenKeys
	random   io.Reader
	nodes    []*node
	devices  []*device
	user     account.User
	witness  *witness
	outcome  Outcome
	calm     bool // the weather is fine, and the store, too
	restored bool // from a backup

	// Mistakes of a server, for TestMistakes.
	clearsCookies bool // a refresh that is refused takes the cookie away
	setsAgain     bool // a cookie that stays is set again
}

func newTown(seed uint64, s Scenario, told *[]string) *town {
	t := &town{world: newWorld(seed), scenario: s, set: memory.New(), random: rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 1})}
	t.told = told
	t.witness = newWitness(t)
	t.store = newFallible(t.world, users{t})
	t.store.failure, t.store.slowest = s.Failure, s.Slowest/16
	t.store.onWrite = t.crashSometimes
	secret := bytes.Repeat([]byte{0xa7}, 32)
	keys, err := session.NewTokenKeys(session.TokenKey{ID: 1, Secret: secret})
	if err != nil {
		panic(err)
	}
	t.keys = keys
	t.witness.secret(fmt.Sprintf("%x", secret), fmt.Sprint(secret))
	t.enroll()
	for i := range max(s.Nodes, 1) {
		skew := t.between(-250*time.Millisecond, 250*time.Millisecond)
		t.nodes = append(t.nodes, t.newNode(fmt.Sprintf("node %d", i), skew, s.policy(), (seed+uint64(i))%2 == 0))
	}
	for i := range max(s.Devices, 1) {
		t.devices = append(t.devices, t.newDevice(fmt.Sprintf("device %d", i)))
	}
	if s.mistake != nil {
		s.mistake(t)
	}
	return t
}

// enroll makes the user whose sessions these are.
func (t *town) enroll() {
	id := account.ID{0xad, 0xa0}
	t.user = account.User{
		ID: id, Username: "Ada", UsernameKey: "ada", Email: "ada@example.org", EmailKey: "ada@example.org",
		PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", Roles: []string{account.RoleUser}, Epoch: 1, CreatedAt: t.now,
	}
	t.witness.secret(t.user.PasswordHash)
	if err := t.set.Users.Add(bg, t.user); err != nil {
		panic(err)
	}
}

// trip is how long a message takes; false: it is lost.
func (t *town) trip() (time.Duration, bool) {
	s := t.scenario
	if t.calm {
		return t.between(time.Millisecond, 50*time.Millisecond), true
	}
	if t.chance(s.Loss) {
		return 0, false
	}
	most := min(s.Slowest, 100*time.Millisecond)
	switch {
	case t.chance(max(s.Late, 0.15)):
		most = s.Slowest
	case t.chance(0.15):
		most = min(s.Slowest, 2*time.Second)
	}
	return t.between(0, most), true
}

// post sends a request to some node, perhaps twice, and each answer back, unless
// they get lost. hangUp tells the nodes that nobody waits any more.
func (t *town) post(r request, arrive func(response)) (hangUp func()) {
	copies := 1
	if !t.calm && t.chance(t.scenario.Repeat) {
		copies = 2
	}
	var hangUps []func()
	for range copies {
		there, arrives := t.trip()
		if !arrives {
			continue
		}
		n := t.nodes[t.IntN(len(t.nodes))]
		t.after(there, func() {
			hangUps = append(hangUps, n.serve(r, func(answer response) {
				if back, arrives := t.trip(); arrives {
					t.after(back, func() { arrive(answer) })
				}
			}))
		})
	}
	return func() {
		for _, hangUp := range hangUps {
			hangUp()
		}
	}
}

// crashSometimes is called at each write: crashes matter most just after one.
func (t *town) crashSometimes() {
	if t.calm || !t.chance(t.scenario.Crash) {
		return
	}
	t.after(t.between(0, session.SyncWithin+time.Second), func() {
		if t.calm {
			return
		}
		t.outcome.Crashes++
		t.tell("the store crashes")
		if t.chance(0.5) { // the machine with all that runs on it, or the store alone
			for _, n := range t.nodes {
				n.powerCut()
				n.down = true
			}
			t.after(t.between(0, 5*time.Second), func() {
				for _, n := range t.nodes {
					n.down = false
				}
			})
		}
		before := t.store.lost
		t.store.crash()
		t.outcome.LostRotations += t.store.lost - before
	})
}
