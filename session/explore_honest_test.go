package session

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

// A household is one honest client in one or several tabs, its network and its
// server: what it does, and what may happen to it.
type household struct {
	laws
	client
	life        age  // a message arrives within so many ticks, or never
	slots       int  // messages under way at once: requests, answers, repetitions
	lossless    bool // nothing is lost or repeated
	racing      bool // the server reads and writes in two steps, so that requests overtake each other between them
	syncs       age  // the store may forget what was written within so many ticks; 0: it forgets nothing
	syncReplays bool // but not what keeps the generation
	resends     bool // the server hands out again a token that it keeps: a mistake
}

// client is how a client treats its token and its request key.
type client struct {
	keys             keyKind
	browser          bool // the token is a cookie: whatever arrives last stays, and the script sees no token
	slow             bool // the cookie joins the request some time after the script read the key
	hasty            bool // takes any token that differs, even if it holds another by now than it presented
	newKeyPerRequest bool // a mistake: every request has another key
	newKeyPerAnswer  bool // a mistake: an answer that brings no new token ends a key's life, too
	keyInMemory      bool // a mistake: the key is not stored, and gone after a sleep
}

type keyKind uint8

const (
	drawn   keyKind = iota // at random, kept beside the token before it is sent, until another token is held
	derived                // a function of the token and a secret
	absent                 // the client knows nothing of keys
)

// world is one state.
type world struct {
	stored, disk row
	dirty        age // ticks since the disk was up to date, and one; 0: it is
	held         ticket
	key          name
	messages     [3]message
}

type message struct {
	phase phase
	left  age
	key   name
	held  ticket // what is presented
	given ticket // what is answered; while deciding, counted from the row that was read
	from  int8   // deciding: the generation that was read
	next  row    // deciding: what will be written, counted from it
}

type phase uint8

const (
	nowhere   phase = iota
	leaving         // the script read the key, the cookie is yet to join
	asking          // on its way to the server
	deciding        // read and judged, yet to be written
	answering       // on its way back
)

func (w world) String() string {
	text := fmt.Sprintf("stored key %d, rotated %d and emitted %d ago; client holds %v, key %d;", w.stored.key, w.stored.rotated, w.stored.emitted, w.held, w.key)
	for _, m := range w.messages {
		switch m.phase {
		case leaving:
			text += fmt.Sprintf(" [leaving with key %d]", m.key)
		case asking:
			text += fmt.Sprintf(" [asking with %v, key %d]", m.held, m.key)
		case deciding:
			text += fmt.Sprintf(" [deciding on %v]", m.held)
		case answering:
			text += fmt.Sprintf(" [answer %v]", m.given)
		}
	}
	return text
}

// canonical gives one form to states that differ in nothing that matters.
func (w world) canonical() world {
	slices.SortFunc(w.messages[:], func(a, b message) int {
		return cmp.Or(cmp.Compare(b.phase, a.phase), cmp.Compare(a.left, b.left),
			cmp.Compare(a.held.generation, b.held.generation), cmp.Compare(a.given.generation, b.given.generation),
			cmp.Compare(a.held.text, b.held.text), cmp.Compare(a.given.text, b.given.text), cmp.Compare(a.key, b.key))
	})
	if w.dirty == 0 {
		w.disk = row{}
	}
	var n names
	n.rename(&w.stored.text)
	n.rename(&w.stored.key)
	n.rename(&w.held.text)
	n.rename(&w.key)
	n.rename(&w.disk.text)
	n.rename(&w.disk.key)
	for i := range w.messages {
		m := &w.messages[i]
		n.rename(&m.held.text)
		n.rename(&m.key)
		n.rename(&m.given.text)
		n.rename(&m.next.text)
		n.rename(&m.next.key)
	}
	return w
}

// fresh is a name that nothing bears.
func (w *world) fresh() name {
	last := max(w.stored.text, w.stored.key, w.held.text, w.key, w.disk.text, w.disk.key)
	for _, m := range w.messages {
		last = max(last, m.held.text, m.key, m.given.text, m.next.text, m.next.key)
	}
	return last + 1
}

// rebase makes the stored row the one that generations are counted from.
func (w *world) rebase() {
	by := w.stored.generation
	w.stored.generation = 0
	w.disk.generation -= by
	w.held.rebase(by)
	for i := range w.messages {
		m := &w.messages[i]
		m.held.rebase(by)
		switch m.phase {
		case deciding:
			m.from = max(ancient, m.from-by)
		case answering:
			m.given.rebase(by)
		}
	}
}

// search explores what becomes of a client that has been signed in for long.
func (h household) search(t *testing.T) exploration {
	t.Helper()
	h.life = max(h.life, 1)
	forever := h.forever()
	start := world{
		stored: row{text: 1, rotated: forever, emitted: forever},
		held:   ticket{text: 1, issued: forever},
	}
	return explore(t, start.canonical(), h.next)
}

// next is everything that can happen in a state.
func (h household) next(w world, visit visitor[world]) {
	to := func(verb string, n int, w world) { visit(step{verb, int8(n)}, w.canonical(), "") }
	if bad := h.asleep(w); bad != "" {
		visit(step{"sleep", 0}, w, bad)
		return
	}

	free := -1
	for i, m := range w.messages[:h.slots] {
		if m.phase == nowhere {
			free = i
		}
	}
	if free >= 0 {
		to("send", 0, h.send(w, free))
	}
	for i, m := range w.messages[:h.slots] {
		if m.phase == nowhere {
			continue
		}
		gone := w
		gone.messages[i] = message{}
		if !h.lossless {
			to("lose", i, gone)
			if free >= 0 && (m.phase == asking || m.phase == answering) {
				twice := w
				twice.messages[free] = m
				to("repeat", i, twice)
			}
		}
		switch m.phase {
		case leaving:
			joined := w
			joined.messages[i].phase, joined.messages[i].held = asking, w.held
			to("leave", i, joined)
		case asking:
			served, bad := h.serve(w, i)
			visit(step{"serve", int8(i)}, served.canonical(), bad)
		case deciding:
			to("write", i, h.write(w, i))
		case answering:
			to("deliver", i, h.deliver(gone, m))
			if h.browser && m.given.text != 0 {
				unseen := gone
				unseen.held = m.given
				to("deliver unseen", i, unseen)
			}
		}
	}
	if h.syncs > 0 && w.dirty > 0 {
		synced := w
		synced.dirty = 0
		to("sync", 0, synced)
		crashed := w
		crashed.stored, crashed.dirty = w.disk, 0
		crashed.rebase()
		to("crash", 0, crashed)
	}
	if ticked, ok := h.tick(w); ok {
		to("tick", 0, ticked)
	}
}

// asleep: at any moment the client may be suspended and wake up much later, when
// nothing of it is under way any more. Then, too, it must be let in.
func (h household) asleep(w world) string {
	if h.keys == absent {
		return "" // it is not: see TestClientsWithoutKeys
	}
	key := w.key
	if h.keys == derived {
		key = w.held.text
	}
	if key == 0 || h.newKeyPerRequest || h.keyInMemory {
		key = w.fresh()
	}
	stored := w.stored
	stored.rotated, stored.emitted = h.forever(), h.forever()
	if r := h.rule(stored, ticket{w.held.generation, w.held.text, h.forever()}, key, w.fresh()+1); !r.grants() {
		return "an honest client that slept gets " + r.kind.String()
	}
	return ""
}

func (h household) send(w world, slot int) world {
	m := message{phase: asking, left: h.life, held: w.held}
	switch h.keys {
	case drawn:
		if w.key == 0 {
			w.key = w.fresh()
		}
		m.key = w.key
		if h.newKeyPerRequest {
			w.key = 0
		}
	case derived:
		m.key = w.held.text
	}
	if h.slow {
		m.phase, m.held = leaving, ticket{}
	}
	w.messages[slot] = m
	return w
}

// serve judges a request, and acts on it unless the server is racing.
func (h household) serve(w world, i int) (world, string) {
	m := &w.messages[i]
	r := h.rule(w.stored, m.held, m.key, w.fresh())
	switch r.kind {
	case Ended, Reuse, Ahead:
		return w, "an honest client gets " + r.kind.String()
	case Straggler:
		*m = message{}
		return w, ""
	case Keep:
		if h.resends {
			r.given = m.held
		}
	}
	if !r.write {
		h.answer(m, r.given)
		return w, ""
	}
	m.phase, m.from, m.next, m.given = deciding, 0, r.next, r.given
	if h.racing {
		return w, ""
	}
	return h.write(w, i), ""
}

// write is the compare-and-set.
func (h household) write(w world, i int) world {
	m := &w.messages[i]
	if m.from != 0 { // lost: it is judged again
		m.phase, m.from, m.next, m.given = asking, 0, row{}, ticket{}
		return w
	}
	next, given := m.next, m.given
	m.from, m.next = 0, row{}
	h.answer(m, given)
	if h.syncs > 0 && w.dirty == 0 {
		w.disk, w.dirty = w.stored, 1
	}
	if h.syncReplays && next.generation == 0 {
		w.dirty = 0
	}
	w.stored = next
	w.rebase()
	return w
}

// answer turns a request into its answer, given counted from the row that was judged.
func (h household) answer(m *message, given ticket) {
	if given.text == 0 && !h.newKeyPerAnswer {
		*m = message{} // what tells the client nothing new need not arrive
		return
	}
	m.phase, m.given, m.left = answering, given, h.life
}

// deliver is what the client makes of an answer.
func (h household) deliver(w world, m message) world {
	renewed := m.given.text != 0 && m.given.text != m.held.text
	if h.newKeyPerAnswer && !renewed && w.key == m.key {
		w.key = 0
	}
	switch {
	case m.given.text == 0:
	case h.browser:
		w.held = m.given
		if renewed && w.key == m.key {
			w.key = 0
		}
	case h.hasty:
		if w.held.text != m.given.text {
			w.held, w.key = m.given, 0
		}
	default:
		if renewed && w.held.text == m.held.text {
			w.held, w.key = m.given, 0
		}
	}
	return w
}

// tick lets time pass, unless something must happen before: a message arrive or
// be lost, the disk be written.
func (h household) tick(w world) (world, bool) {
	forever := h.forever()
	for i := range w.messages {
		m := &w.messages[i]
		if m.phase == nowhere {
			continue
		}
		if m.left == 0 {
			return w, false
		}
		m.left--
		m.held.grow(forever)
		m.given.grow(forever)
		if m.phase == deciding {
			m.next.grow(forever)
		}
	}
	if w.dirty > 0 {
		if w.dirty > h.syncs {
			return w, false
		}
		w.dirty++
		w.disk.grow(forever)
	}
	w.stored.grow(forever)
	w.held.grow(forever)
	return w, true
}
