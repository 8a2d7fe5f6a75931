package session

import (
	"fmt"
	"testing"
)

// A heist is a thief against an owner: what the thief copied, and what the rule
// and the clients are.
type heist struct {
	laws
	keys     keyKind
	loot     loot
	racing   bool  // the server reads and writes in two steps
	blind    bool  // and writes without comparing: a mistake
	forgives bool  // the revocation is rolled back with the request that failed: a mistake
	syncs    age   // the store may forget what was written within so many ticks, once
	calm     bool  // nobody presents a replaced token within retryWindow of the rotation
	allowed  uint8 // newer tokens that both may get before it is noticed
	leash    bool  // who was left behind for longer than retryWindow must get no newer token
}

// loot is what the thief copies from the owner, once, at any moment.
type loot uint8

const (
	theToken   loot = iota // from a log, a proxy, a backup
	theStorage             // all that the client keeps: also a key that is waiting for its answer, or a secret
)

// duel is one state.
type duel struct {
	stored, disk row
	dirty        age
	crashed      bool
	stolen       bool
	owner, thief party
	refused      age  // ticks in a row in which the owner tried and got nothing
	tried        bool // and in this one
	caughtUp     bool // one who was left behind got a newer token
	noticed      bool // the rule said reuse
	wentOn       bool // and yet somebody was granted something
	pending      [2]act
}

type party struct {
	held ticket
	key  name  // the owner's, waiting for its answer; the thief's, if it was copied
	got  uint8 // newer tokens since the theft
	left bool  // behind: it held a replaced token for longer than retryWindow
}

// act is a verdict that was not yet written.
type act struct {
	busy  bool
	lost  bool // its answer will not arrive
	held  ticket
	from  int8
	next  row
	given ticket
}

// thiefsOwn is a request key that the thief made: it never equals another.
const thiefsOwn name = 60

func (d duel) String() string {
	return fmt.Sprintf("stored key %d, rotated %d and emitted %d ago; owner holds %v, thief %v", d.stored.key, d.stored.rotated, d.stored.emitted, d.owner.held, d.thief.held)
}

func (d duel) canonical() duel {
	if d.dirty == 0 {
		d.disk = row{}
	}
	var n names
	n.to[thiefsOwn] = thiefsOwn
	for _, old := range d.all() {
		n.rename(old)
	}
	return d
}

func (d *duel) all() []*name {
	return []*name{
		&d.stored.text, &d.stored.key, &d.disk.text, &d.disk.key,
		&d.owner.held.text, &d.owner.key, &d.thief.held.text, &d.thief.key,
		&d.pending[0].held.text, &d.pending[0].next.text, &d.pending[0].next.key, &d.pending[0].given.text,
		&d.pending[1].held.text, &d.pending[1].next.text, &d.pending[1].next.key, &d.pending[1].given.text,
	}
}

func (d *duel) fresh() name {
	last := name(0)
	for _, used := range d.all() {
		if *used != thiefsOwn {
			last = max(last, *used)
		}
	}
	return last + 1
}

func (d *duel) rebase() {
	by := d.stored.generation
	d.stored.generation = 0
	d.disk.generation -= by
	d.owner.held.rebase(by)
	d.thief.held.rebase(by)
	for i := range d.pending {
		if d.pending[i].busy {
			d.pending[i].held.rebase(by)
			d.pending[i].from = max(ancient, d.pending[i].from-by)
		}
	}
}

// search explores what becomes of an owner who has been signed in for long.
func (h heist) search(t *testing.T) exploration {
	t.Helper()
	forever := h.forever()
	start := duel{
		stored: row{text: 1, rotated: forever, emitted: forever},
		owner:  party{held: ticket{text: 1, issued: forever}},
	}
	return explore(t, start.canonical(), h.next)
}

const (
	ownerSide = 0
	thiefSide = 1
)

// next is everything that can happen in a state.
func (h heist) next(d duel, visit visitor[duel]) {
	to := func(verb string, n int, d duel) {
		visit(step{verb, int8(n)}, d.canonical(), h.unnoticed(d))
	}
	for side := range d.pending {
		if d.pending[side].busy {
			to([]string{"owner's write", "thief's write"}[side], 0, h.write(d, side))
		}
	}

	if !d.pending[ownerSide].busy {
		asking, key := d, name(0)
		switch h.keys {
		case drawn:
			if d.owner.key == 0 {
				asking.owner.key = d.fresh()
			}
			key = asking.owner.key
		case derived:
			key = d.owner.held.text
		}
		if asked, alive := h.ask(asking, ownerSide, d.owner.held, key, false); alive {
			to("owner", 0, asked)
		}
		if asked, alive := h.ask(asking, ownerSide, d.owner.held, key, true); alive {
			to("owner, answer lost", 0, asked)
		}
		if !d.stolen { // the request may be under way, or lost, when the thief comes
			to("owner, request lost", 0, asking)
		}
	}

	if !d.stolen {
		robbed := d
		robbed.stolen, robbed.owner.got = true, 0
		robbed.thief.held = d.owner.held
		if h.loot == theStorage {
			robbed.thief.key = d.owner.key
		}
		to("theft", 0, robbed)
	} else if !d.pending[thiefSide].busy {
		keys := []name{0, thiefsOwn}
		if d.thief.key != 0 {
			keys = append(keys, d.thief.key)
		}
		if h.keys == derived && h.loot == theStorage {
			keys = append(keys, d.thief.held.text)
		}
		for _, key := range keys {
			if asked, alive := h.ask(d, thiefSide, d.thief.held, key, false); alive {
				to("thief with key", int(key), asked)
			}
		}
	}

	if h.syncs > 0 && d.dirty > 0 {
		synced := d
		synced.dirty = 0
		to("sync", 0, synced)
		if !d.crashed {
			crashed := d
			crashed.stored, crashed.dirty, crashed.crashed = d.disk, 0, true
			crashed.rebase()
			to("crash", 0, crashed)
		}
	}
	if ticked, ok := h.tick(d); ok {
		to("tick", 0, ticked)
	}
}

// unnoticed says what a thief must not achieve.
func (h heist) unnoticed(d duel) string {
	switch {
	case !h.leash && min(d.owner.got, d.thief.got) > h.allowed:
		return "thief and owner go on side by side"
	case d.wentOn:
		return "the theft is noticed and the session goes on"
	case h.leash && d.caughtUp:
		return "one who was left behind catches up"
	case d.refused > h.patience():
		return "the owner is kept out and nobody notices"
	}
	return ""
}

// patience is how many ticks in a row an owner may be told to try again: until
// the thief's last rotation is no longer recent, and as long again after a crash.
func (h heist) patience() age {
	if h.syncs > 0 {
		return 2 * (h.retryWindow + 1)
	}
	return h.retryWindow + 1
}

// ask presents a token for one side. alive is false where there is no more to see:
// the session has ended, as it should.
func (h heist) ask(d duel, side int, held ticket, key name, lost bool) (asked duel, alive bool) {
	r := h.rule(d.stored, held, key, d.fresh())
	if side == ownerSide {
		d.tried = r.kind == Straggler
	}
	if h.calm && held.generation < 0 && d.stored.rotated <= h.retryWindow {
		return d, false
	}
	switch r.kind {
	case Ended, Ahead:
		return d, false
	case Reuse:
		d.noticed = true
		if !h.forgives {
			d.stored.revoked, d.disk.revoked = true, true // durable, also in a crash
		}
		return d, true
	}
	d.wentOn = d.noticed && r.grants()
	if !r.write {
		return d, true
	}
	d.pending[side] = act{busy: true, lost: lost, held: held, next: r.next, given: r.given}
	if h.racing {
		return d, true
	}
	return h.write(d, side), true
}

// write is the compare-and-set, and the answer.
func (h heist) write(d duel, side int) duel {
	a := d.pending[side]
	d.pending[side] = act{}
	if d.stored.revoked || a.from != 0 && !h.blind {
		return d // the compare-and-set is lost; whoever asked may ask again
	}
	if h.syncs > 0 && d.dirty == 0 {
		d.disk, d.dirty = d.stored, 1
	}
	d.stored = a.next
	d.stored.generation += a.from
	a.given.generation += a.from
	if a.given.text != 0 && !a.lost {
		who := &d.owner
		if side == thiefSide {
			who = &d.thief
		}
		if a.given.generation > who.held.generation {
			who.got = min(who.got+1, h.allowed+1)
			d.caughtUp = d.caughtUp || who.left
		}
		if who.held.text != a.given.text {
			who.held, who.key = a.given, 0
		}
	}
	d.rebase()
	return d
}

func (h heist) tick(d duel) (duel, bool) {
	forever := h.forever()
	if d.dirty > 0 {
		if d.dirty > h.syncs {
			return d, false
		}
		d.dirty++
		d.disk.grow(forever)
	}
	for i := range d.pending {
		if d.pending[i].busy {
			return d, false // a server is quick beside a clock of seconds
		}
	}
	if d.tried {
		d.refused++
	} else {
		d.refused = 0
	}
	d.tried = false
	d.stored.grow(forever)
	d.owner.held.grow(forever)
	d.thief.held.grow(forever)
	for _, who := range []*party{&d.owner, &d.thief} {
		who.left = h.leash && (who.left || who.held.generation < 0 && d.stored.rotated > h.retryWindow)
	}
	return d, true
}
