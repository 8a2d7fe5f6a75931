package simulate

import (
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// Loot is what a thief copies, once.
type Loot int

// The kinds of thieves.
const (
	NoThief    Loot = iota
	TheToken        // from a log, a proxy, a backup of the device
	TheStorage      // with a request key that is waiting for its answer, if there is one
)

// thief uses a copy of a device's token.
type thief struct {
	town *town
	held Held
	of   *device
	id   session.ID
	got  int  // tokens newer than the copy
	over bool // the session is: there is nothing more to get
}

// steal copies what there is.
func (t *town) steal(from *device) *thief {
	th := &thief{town: t, of: from, held: Held{Token: from.token()}}
	if t.scenario.Thief == TheStorage {
		th.held.Key = from.held.Key
	}
	opened, err := t.keys.Open(th.held.Token, clientID, from.delivery)
	if err != nil {
		return nil // nobody is signed in just now
	}
	th.id = opened.SessionID()
	t.tell("a thief copies generation %d of %v", opened.Generation, th.id)
	t.witness.robbed(th, opened.Generation)
	return th
}

// refresh presents the copy. The thief's network is fast and loses nothing.
func (th *thief) refresh(p *process) {
	r := request{token: th.held.Token, delivery: th.town.scenario.Delivery, key: th.held.Key}
	if r.key == "" && p.chance(0.5) {
		r.key = fmt.Sprintf("idempotency-thief-%016x", p.Uint64())
	}
	var got response
	p.wait(func(wake func()) {
		n := th.town.nodes[p.IntN(len(th.town.nodes))]
		n.serve(r, func(a response) { got = a; wake() })
		p.after(patience, wake)
	})
	th.over = got.Ended
	token := got.Token
	if r.delivery == session.Cookie {
		token = got.cookie
	}
	if token != "" && token != th.held.Token {
		th.held.Token = token
		if !th.of.perSession {
			th.held.Key = ""
		}
		th.town.witness.stolen(th, token)
	}
}

// live is what a thief does until the town is calm or the session is over: try,
// each in their own way. Some know when the owner comes, and come along.
func (th *thief) live(p *process, moments []time.Duration) {
	if p.chance(0.4) {
		for _, at := range moments {
			if wait := noon.Add(at).Sub(p.now); wait > 0 && !th.over && !th.town.calm {
				p.sleep(wait + p.between(0, 12*time.Second))
				th.refresh(p)
			}
		}
		return
	}
	pause := [][2]time.Duration{
		{time.Second, 20 * time.Second},
		{30 * time.Second, 35 * time.Second},
		{time.Minute, 20 * time.Minute},
		{time.Hour, 24 * time.Hour},
	}[p.IntN(4)]
	for tries := 0; tries < 200 && !th.over && !th.town.calm; tries++ {
		p.sleep(p.between(pause[0], pause[1]))
		th.refresh(p)
	}
}

// administer ends sessions and blocks the user, now and then, while the clients
// refresh; the user does the like from elsewhere. Each act is repeated until it is
// acknowledged.
func (t *town) administer(p *process, moments []time.Duration) {
	for _, at := range moments {
		p.sleep(max(0, noon.Add(at).Sub(p.now)) + p.between(0, 5*time.Second))
		if t.calm {
			return
		}
		if p.chance(0.75) {
			continue
		}
		d := t.devices[p.IntN(len(t.devices))]
		id := t.witness.sessionOf(d)
		switch p.IntN(4) {
		case 0:
			t.endSessions(p, "an administrator ends "+id.String(), []session.ID{id}, func(n *node) error {
				_, err := n.End(withProcess(bg, p), id, session.EndedByAdmin, "cli")
				return err
			})
		case 1:
			token := d.token()
			t.endSessions(p, d.name+" signs out", []session.ID{id}, func(n *node) error {
				if token == "" {
					return nil
				}
				return n.SignOut(withProcess(bg, p), session.Presented{Token: token, ClientID: clientID, Delivery: d.delivery})
			})
		case 2:
			t.endSessions(p, "the user ends the other sessions", t.witness.all(id), func(n *node) error {
				_, err := n.EndUser(withProcess(bg, p), t.user.ID, id, session.EndedByUser, t.user.ID.String())
				return err
			})
		case 3:
			t.block(p)
		}
	}
}

func (t *town) block(p *process) {
	t.witness.blocked = true
	if _, err := t.set.Users.SetBlock(bg, t.user.ID, account.Block{At: p.now, By: "cli"}); err != nil {
		panic(err)
	}
	t.endSessions(p, "an administrator blocks the user", t.witness.all(session.ID{}), func(n *node) error {
		_, err := n.EndUser(withProcess(bg, p), t.user.ID, session.ID{}, session.UserBlocked, "cli")
		return err
	})
	p.sleep(p.between(time.Second, time.Hour))
	if _, err := t.set.Users.ClearBlock(bg, t.user.ID, p.now); err != nil {
		panic(err)
	}
	t.tell("the user is unblocked")
	p.after(patience, func() { t.witness.blocked = false }) // requests may have read the user before
}

// endSessions has something end sessions, until it is acknowledged that they have ended.
func (t *town) endSessions(p *process, what string, ids []session.ID, act func(*node) error) {
	t.witness.ending(ids)
	defer t.witness.acknowledged(ids)
	for {
		t.tell("%s", what)
		n := t.nodes[p.IntN(len(t.nodes))]
		if !n.down {
			err := act(n)
			if err == nil {
				return
			}
			t.witness.overhear(fmt.Sprintf("%v %+v", err, err))
		}
		p.sleep(time.Second)
	}
}
