package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/watchwordauth/watchword/session"
)

// Linearizable lets many clients find, advance and revoke a few sessions at
// once, and checks that the answers are those of some order of the calls in
// which each took effect at one instant between its beginning and its end. The
// store may gather calls as it likes: nobody must be able to tell.
func Linearizable(t *testing.T, s session.Store) {
	const (
		sessions = 4
		clients  = 24
		calls    = 40 // of each client
		revokes  = 1  // of a hundred calls, once a session has been rotated a while
	)
	var ids []session.ID
	user := uuidAt(start)
	birth := begun(0, user)
	for range sessions {
		birth.ID = newID()
		begin(t, s, birth)
		ids = append(ids, birth.ID)
	}

	clock := time.Now()
	histories := together(clients, func(client int) (history []porcupine.Operation) {
		random := rand.New(rand.NewPCG(uint64(client), 1))
		known := map[int]uint64{} // the generation this client believes in
		for call := range calls {
			i := random.IntN(sessions)
			did := step{session: i, from: max(known[i], 1)}
			switch dice := random.IntN(100); {
			case dice < 30:
				did.verb = finding
			case dice < 100-revokes || call < calls/2:
				did.verb = advancing
				did.to = did.from + uint64(random.IntN(2)) // a touch or a rotation
				did.mark = uint32(client*calls + call + 1)
			default:
				did.verb = revoking
			}
			began := time.Since(clock)
			saw, err := did.call(t, s, ids[i], birth.Register)
			if err != nil {
				t.Errorf("%s: %v", did.verb, err)
				return nil
			}
			history = append(history, porcupine.Operation{
				ClientId: client, Input: did, Output: saw,
				Call: int64(began), Return: int64(time.Since(clock)),
			})
			switch {
			case did.verb == finding:
				known[i] = saw.generation
			case did.verb == advancing && saw.did:
				known[i] = did.to
			case did.verb == advancing && random.IntN(2) == 0:
				known[i] = did.from + 1
			}
		}
		return history
	})
	var history []porcupine.Operation
	for _, one := range histories {
		history = append(history, one...)
	}
	switch porcupine.CheckOperationsTimeout(register, history, 3*time.Minute) {
	case porcupine.Illegal:
		t.Error("no order of these calls explains the answers")
	case porcupine.Unknown:
		t.Error("the history is too long to be checked: make it shorter")
	}
}

type verb string

const (
	finding   verb = "Find"
	advancing verb = "Advance"
	revoking  verb = "Revoke"
)

// step is one call: what was asked.
type step struct {
	session  int
	verb     verb
	from, to uint64
	mark     uint32 // what an Advance writes beside the generation, its own
}

// sight is what it answered.
type sight struct {
	did        bool
	generation uint64
	mark       uint32
	revoked    bool
}

func (c step) call(t testing.TB, s session.Store, id session.ID, r session.Register) (saw sight, err error) {
	switch c.verb {
	case advancing:
		r.Generation = c.to
		r.RequestKey = session.RequestKey{byte(c.mark), byte(c.mark >> 8), byte(c.mark >> 16)}
		saw.did, err = s.Advance(t.Context(), id, c.from, r)
	case revoking:
		saw.did, err = s.Revoke(t.Context(), id, session.Tombstone{At: start, Reason: session.SignedOut})
	default:
		var found session.Session
		found, err = s.Find(t.Context(), id)
		key := found.RequestKey
		saw = sight{generation: found.Generation, revoked: found.Revoked(), mark: uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16}
	}
	return saw, err
}

// state is all that the model knows of a session.
type state struct {
	generation uint64
	mark       uint32
	revoked    bool
}

// register is the contract of Find, Advance and Revoke in its shortest form.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		bySession := map[int][]porcupine.Operation{}
		for _, operation := range history {
			i := operation.Input.(step).session
			bySession[i] = append(bySession[i], operation)
		}
		var parts [][]porcupine.Operation
		for _, part := range bySession {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return state{generation: 1} },
	Step: func(before, input, output any) (bool, any) {
		now, asked, saw := before.(state), input.(step), output.(sight)
		switch asked.verb {
		case advancing:
			wins := now.generation == asked.from && !now.revoked
			if wins {
				now.generation, now.mark = asked.to, asked.mark
			}
			return saw.did == wins, now
		case revoking:
			wins := !now.revoked
			now.revoked = true
			return saw.did == wins, now
		}
		return saw == sight{generation: now.generation, mark: now.mark, revoked: now.revoked}, now
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}
