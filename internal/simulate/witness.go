package simulate

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// witness sees everything, tells nobody, and knows what was promised.
type witness struct {
	town         *town
	heard        bytes.Buffer // all that the service logged, recorded, announced or returned as an error
	secrets      map[string]struct{}
	facts        map[session.ID]*facts
	of           map[*device]session.ID
	blocked      bool // the user, or just a moment ago
	sweeping     int  // acts under way that end sessions
	succeed      map[succession]string
	thief        *thief
	stolenNewest uint32
}

// facts are what is known of one session.
type facts struct {
	device *device
	ending bool      // somebody who may is ending it
	ended  bool      // and was told so
	heard  time.Time // when the device got an access token last
	got    int       // newer tokens that the owner received since a theft
	newest uint32
}

// succession is a generation that was replaced: by one and the same token, unless
// a crash has it replaced anew, when only the time in the token is another.
type succession struct {
	id         session.ID
	generation uint32
}

func newWitness(t *town) *witness {
	return &witness{
		town: t, secrets: map[string]struct{}{}, facts: map[session.ID]*facts{}, of: map[*device]session.ID{},
		succeed: map[succession]string{},
	}
}

func (w *witness) secret(texts ...string) {
	for _, text := range texts {
		w.secrets[text] = struct{}{}
	}
}

func (w *witness) overhear(text string) {
	w.heard.WriteString(text)
	w.heard.WriteByte('\n')
}

func (w *witness) open(token string, d session.Delivery) (session.ID, uint32) {
	opened, err := w.town.keys.Open(token, clientID, d)
	if err != nil {
		return session.ID{}, 0
	}
	return opened.SessionID(), opened.Generation
}

// begun: a device signed in.
func (w *witness) begun(d *device, g session.Grant) {
	w.of[d] = g.Session.ID
	already := !w.town.store.life[g.Session.ID].revoked.At.IsZero()
	w.facts[g.Session.ID] = &facts{device: d, ending: already || w.sweeping > 0, heard: w.town.now, newest: 1}
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(g.RefreshToken, session.TokenPrefix))
	handle := raw[2:18]
	w.secret(
		g.RefreshToken[len(session.TokenPrefix):][:24], // what all of a session's tokens begin with
		fmt.Sprintf("%x", handle), fmt.Sprint(handle), base64.RawURLEncoding.EncodeToString(handle),
		g.AccessToken,
	)
}

func (w *witness) sessionOf(d *device) session.ID { return w.of[d] }

// all are the sessions that were begun, but one.
func (w *witness) all(except session.ID) []session.ID {
	ids := slices.Clone(w.town.store.births)
	return slices.DeleteFunc(ids, func(id session.ID) bool { return id == except })
}

// ending: somebody who may is ending these sessions, and perhaps those that are
// begun until it is acknowledged.
func (w *witness) ending(ids []session.ID) {
	w.sweeping++
	for _, id := range ids {
		if f := w.facts[id]; f != nil {
			f.ending = true
		}
	}
}

func (w *witness) acknowledged(ids []session.ID) {
	w.sweeping--
	for _, id := range ids {
		if f := w.facts[id]; f != nil {
			f.ended = true
		}
	}
}

// before is what was known when a request reached a node.
type before struct {
	id         session.ID
	generation uint32
	ended      bool // the session, and somebody was told so
	blocked    bool // the user
}

func (w *witness) asked(r request) before {
	if r.key != "" {
		w.secret(r.key)
	}
	b := before{}
	b.id, b.generation = w.open(r.token, r.delivery)
	if f := w.facts[b.id]; f != nil {
		b.ended = f.ended
	}
	user, err := w.town.set.Users.Find(bg, w.town.user.ID)
	b.blocked = err == nil && user.Blocked()
	return b
}

// answered holds an answer against the promises.
func (w *witness) answered(n *node, r request, b before, g session.Grant, a response) {
	t, f := w.town, w.facts[b.id]
	who := "the thief"
	if r.from != nil {
		who = r.from.name
	}
	if a.err != nil {
		w.overhear(fmt.Sprintf("%v %+v", a.err, a.err))
	}
	t.tell("%s: %s presents generation %d of %v: generation %d, renewed %v, %v", n.name, who, b.generation, b.id, g.Session.Generation, a.Renewed, a.err)
	if f == nil {
		if r.from != nil && a.Granted {
			t.breaks(3, "a session that was never begun is refreshed")
		}
		return
	}

	if a.Granted && b.ended {
		t.breaks(3, "session %v is refreshed after its revocation was acknowledged", b.id)
	}
	if a.Granted && b.blocked {
		t.breaks(3, "session %v is refreshed though the user is blocked", b.id)
	}
	if a.Granted && a.Renewed {
		s := succession{b.id, b.generation}
		other, known := w.succeed[s]
		switch {
		case g.Session.Generation != uint64(b.generation)+1:
			t.breaks(4, "generation %d of session %v is succeeded by %d", b.generation, b.id, g.Session.Generation)
		case known && other != g.RefreshToken && t.store.crashes == 0:
			t.breaks(4, "generation %d of session %v has two successors", b.generation, b.id)
		}
		w.succeed[s] = g.RefreshToken
		w.inTime(b, g)
	}
	if errors.Is(a.err, session.ErrAhead) && !t.restored {
		t.breaks(5, "session %v, generation %d, is taken to come from the future", b.id, b.generation)
	}
	if a.Ended {
		if r.from != nil {
			w.judge(f, b, a.err)
		}
		f.ended = f.ended || errors.Is(a.err, session.ErrEnded)
	}
}

// inTime is the limit of promise 2 where nobody sends request keys: who comes
// later than the retry window after their token was replaced gets none.
func (w *witness) inTime(b before, g session.Grant) {
	window, skew := w.town.scenario.policy().RetryWindow, time.Second
	if late := g.At.Sub(g.Session.RotatedAt); !w.town.scenario.Keys && late > window+skew {
		w.town.breaks(2, "generation %d of session %v was replaced %v ago, and there was no request key", b.generation, b.id, late)
	}
}

// judge decides whether an honest client may be told that its session has ended.
func (w *witness) judge(f *facts, b before, err error) {
	refusal, ok := errors.AsType[*session.Refusal](err)
	p := w.town.scenario.policy()
	const skew = time.Second
	switch {
	case !ok:
	case f.ending, w.blocked && refusal.Reason == session.UserBlocked:
		return
	case refusal.Reason == session.ReuseDetected && w.thief != nil && w.thief.id == b.id:
		return
	case refusal.Reason == session.Expired && !w.town.now.Before(w.town.store.life[b.id].birth.ExpiresAt.Add(-skew)):
		return
	case refusal.Reason == session.Idle && w.town.now.Sub(f.heard) >= p.IdleTTL-p.MinAge-patience-skew:
		return
	}
	w.town.breaks(1, "an honest client is signed out of session %v: %v", b.id, err)
}

// admitted: a device got an access token.
func (w *witness) admitted(d *device) {
	if f := w.facts[w.of[d]]; f != nil {
		f.heard = w.town.now
	}
}

// signedOut: a device believes that its session is over.
func (w *witness) signedOut(d *device) {
	id := w.of[d]
	if f := w.facts[id]; f != nil && !f.ended && !f.ending && !w.blocked {
		if s, err := w.town.store.Store.Find(bg, id); err == nil {
			if _, over := s.EndedBy(w.town.now.Add(time.Second)); !over {
				w.town.breaks(1, "%s gave up session %v, which is alive", d.name, id)
			}
		}
	}
}

// received: a device holds another token than before.
func (w *witness) received(d *device, token string) {
	id, generation := w.open(token, d.delivery)
	f := w.facts[id]
	if f == nil || generation <= f.newest {
		return
	}
	f.newest = generation
	if w.thief != nil && w.thief.id == id {
		f.got++
		w.sideBySide()
	}
}

func (w *witness) robbed(th *thief, generation uint32) { w.thief, w.stolenNewest = th, generation }

// stolen: the thief was given a token.
func (w *witness) stolen(th *thief, token string) {
	if _, generation := w.open(token, w.town.scenario.Delivery); generation > w.stolenNewest {
		w.stolenNewest = generation
		th.got++
		w.sideBySide()
	}
}

// sideBySide is promise 2, at any moment: thief and owner do not both get newer
// tokens, but what a pending answer or a lost rotation gives each of them.
func (w *witness) sideBySide() {
	f := w.facts[w.thief.id]
	allowed := w.town.outcome.LostRotations
	if w.town.scenario.Thief == TheStorage {
		allowed++
	}
	if both := min(f.got, w.thief.got); w.town.scenario.Keys && both > allowed {
		w.town.breaks(2, "thief and owner both got %d newer tokens of session %v", both, w.thief.id)
	}
}

// eavesdrop is promise 6: nothing that was logged, recorded, announced or
// returned as an error holds a secret.
func (w *witness) eavesdrop() {
	all := w.heard.String()
	for _, mark := range []string{session.TokenPrefix, "access-", "idempotency-"} {
		if at := strings.Index(all, mark); at >= 0 {
			w.town.breaks(6, "a secret was told: %q", all[max(0, at-80):min(len(all), at+40)])
		}
	}
	for secret := range w.secrets {
		if strings.Contains(secret, "-") {
			continue // has a mark
		}
		if strings.Contains(all, secret) {
			w.town.breaks(6, "a secret was told: %q", secret)
		}
	}
}
