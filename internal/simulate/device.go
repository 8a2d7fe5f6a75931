package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// bg is for what is done behind the scenes, where nothing can fail.
var bg = context.Background()

// noCookie is a Set-Cookie that removes the cookie.
const noCookie = "gone"

// patience is how long a client waits for an answer.
const patience = 10 * time.Second

// typing is how long somebody needs to sign in. Where the token is a cookie that
// must be more than an answer lives, or a cookie of the last session could arrive
// after the new one; a client that keeps its token itself has no such limit.
func (d *device) typing() time.Duration {
	if d.delivery == session.Cookie {
		return 12 * time.Second
	}
	return 2 * time.Second
}

// device is a browser or an app: its tabs share a storage and a cookie jar.
type device struct {
	town      *town
	name      string
	delivery  session.Delivery
	held      Held   // the storage
	cookie    string // the jar
	signingIn bool

	// What other clients do. The first is no mistake where a message lives less
	// than half the minimum age; the rest are, see TestMistakes.
	hasty      bool // stores any token that comes
	careless   bool // and believes any end of a session to be its own
	perRequest bool // a new request key for each request
	perSession bool // one request key for all
	forgetful  bool // the request key does not outlive a sleep
	skittish   bool // signs out at any refusal
	spied      func(request)
}

func (t *town) newDevice(name string) *device {
	return &device{town: t, name: name, delivery: t.scenario.Delivery}
}

// Load and Swap make the device a Storage.
func (d *device) Load() Held { return d.held }

func (d *device) Swap(held, next Held) bool {
	if d.held != held && !(d.hasty && next != Held{}) && !(d.careless && next == Held{}) {
		return false
	}
	d.held = next
	if d.delivery == session.Body && next.Token != held.Token {
		d.town.witness.received(d, next.Token)
	}
	return true
}

// client is the reference client in one of the device's tabs.
func (d *device) client(p *process) *Client {
	c := &Client{
		Storage: d,
		Send:    func(held Held) (Answer, bool) { return d.send(p, held) },
		Pause:   func(pause time.Duration) { p.sleep(p.between(pause/2, pause)) },
	}
	if d.town.scenario.Keys {
		c.NewKey = d.newKey
	}
	return c
}

func (d *device) newKey() string {
	if d.perSession {
		return "idempotency-" + d.town.witness.sessionOf(d).String()
	}
	return fmt.Sprintf("idempotency-%016x%016x", d.town.Uint64(), d.town.Uint64())
}

// send presents what is held and waits for the answer.
func (d *device) send(p *process, held Held) (Answer, bool) {
	r := request{token: held.Token, delivery: d.delivery, key: held.Key, from: d}
	if held.Token == InCookie {
		if !d.town.calm { // the script runs, the cookie joins later
			p.sleep(p.between(0, 500*time.Millisecond))
		}
		r.token = d.cookie
	}
	if d.perRequest {
		r.key = d.newKey()
	}
	if d.spied != nil {
		d.spied(r)
	}
	var got *response
	seen := true
	arrive := func(a response) {
		d.takeCookie(a)
		if got == nil && seen {
			got = &a
		}
	}
	if !d.town.calm && p.chance(d.town.scenario.Sleep) {
		// The device is closed just now. Nobody sees the answer; the browser
		// may take the cookie.
		seen = false
		d.town.post(r, arrive)
		p.sleep(d.sleep())
		if d.forgetful {
			d.held.Key = ""
		}
		return Answer{}, false
	}
	p.wait(func(wake func()) {
		hangUp := d.town.post(r, func(a response) {
			arrive(a)
			if got != nil {
				wake()
			}
		})
		p.after(patience, func() {
			seen = false
			if p.chance(0.5) {
				hangUp()
			}
			wake()
		})
	})
	if got == nil {
		return Answer{}, false
	}
	if d.skittish && !got.Granted {
		got.Ended = true
	}
	return got.Answer, true
}

// takeCookie is what a browser does with a Set-Cookie, whenever it comes.
func (d *device) takeCookie(a response) {
	switch {
	case d.delivery != session.Cookie || a.cookie == "":
	case a.cookie == noCookie:
		d.cookie = ""
	default:
		d.cookie = a.cookie
		d.town.witness.received(d, a.cookie)
	}
}

// sleep is how long a device stays closed.
func (d *device) sleep() time.Duration {
	if d.town.chance(0.2) {
		return d.town.between(time.Hour, 5*24*time.Hour)
	}
	return d.town.between(time.Minute, time.Hour)
}

// tab needs an access token now and then, like its neighbours.
func (d *device) tab(p *process, moments []time.Duration) {
	for _, at := range moments {
		p.sleep(max(0, noon.Add(at).Sub(p.now)))
		if p.chance(0.25) {
			continue
		}
		p.sleep(p.between(0, 2*time.Second))
		d.refresh(p)
	}
}

// refresh gets an access token, or a new session; false: not now.
func (d *device) refresh(p *process) bool {
	switch err := d.client(p).Refresh(); {
	case err == nil:
		d.town.witness.admitted(d)
	case errors.Is(err, ErrSignedOut):
		d.town.witness.signedOut(d)
		d.signIn(p)
	default:
		return false
	}
	return true
}

// signIn begins a session, in one tab.
func (d *device) signIn(p *process) {
	if d.signingIn {
		return
	}
	d.signingIn = true
	defer func() { d.signingIn = false }()
	for {
		p.sleep(d.typing())
		user, err := d.town.set.Users.Find(bg, d.town.user.ID)
		if err != nil {
			panic(err)
		}
		if user.Blocked() {
			continue
		}
		n := d.town.nodes[p.IntN(len(d.town.nodes))]
		if n.down {
			continue
		}
		grant, err := n.Begin(withProcess(bg, p), user, clientID, d.delivery, session.Origin{IP: "192.0.2.1", UserAgent: d.name})
		if err != nil {
			d.town.witness.overhear(fmt.Sprintf("%v %+v", err, err))
			continue
		}
		d.town.witness.begun(d, grant)
		if d.delivery == session.Cookie {
			d.cookie, d.held = grant.RefreshToken, Held{Token: InCookie}
		} else {
			d.held = Held{Token: grant.RefreshToken}
		}
		p.tell("%s signs in: %v", d.name, grant.Session.ID)
		return
	}
}

// token is the refresh token that the device holds, wherever that is.
func (d *device) token() string {
	if d.delivery == session.Cookie {
		return d.cookie
	}
	return d.held.Token
}
