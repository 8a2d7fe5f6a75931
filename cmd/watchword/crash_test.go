package main

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestKill9LosesNothingThatWasAcknowledged kills the server again and again while
// clients sign up, sign in, refresh, sign out and are blocked, starts it again on
// the same data, and holds it to every answer it gave:
//
//   - a sign-up that was answered can sign in
//   - a session that was answered refreshes: nobody is signed out
//   - a sign-out or a block that was answered still holds, for refresh and access token
//
// What was asked and not answered may have happened or not.
func TestKill9LosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	data := filepath.Join(t.TempDir(), "data")
	n := startNode(t, "watchword", data, "--issuer", crashIssuer)
	runWatchword(t, crashPassword, "user", "add", "--data", data, "--role", "admin", "--email", "root@example.org", "--password-stdin", "root")
	signedIn, err := call{method: "POST", path: "/api/auth/signin", body: map[string]string{"username": "root", "password": crashPassword}}.do(t.Context(), newClient(t), n.url)
	if err != nil || signedIn.status != http.StatusOK {
		t.Fatalf("the administrator signs in: %v %v", signedIn, err)
	}
	n.kill()

	crowd := make([]*crowdMember, 4)
	for i := range crowd {
		crowd[i] = &crowdMember{
			t: t, number: i, client: newClient(t), admin: signedIn.text("accessToken"),
			random: rand.New(rand.NewPCG(uint64(i), 9)), acknowledged: make(chan struct{}),
		}
	}
	total := 0
	for round := range rounds {
		// Rotations that may be relaxed, and such that must not be.
		age := "5s"
		if round%2 == 0 {
			age = "0s"
		}
		n := startNode(t, "watchword", data, "--min-token-age", age, "--issuer", crashIssuer, "--trusted-proxy", "127.0.0.1", "--log-level", "warn")
		together(crowd, func(m *crowdMember) { m.recall(n.url) })
		if t.Failed() {
			t.Fatalf("after round %d; the server says:\n%s", round, n.log)
		}

		var killed atomic.Bool
		kill := 40 + rand.IntN(120)
		stopped, stop := context.WithCancel(t.Context())
		acknowledged := make(chan struct{})
		go func() {
			defer stop()
			for range kill {
				select {
				case <-acknowledged:
				case <-t.Context().Done():
				}
			}
			killed.Store(true)
			n.kill()
		}()
		together(crowd, func(m *crowdMember) { m.live(stopped, n.url, acknowledged, &killed) })
		<-stopped.Done()
		total += kill
		if t.Failed() {
			t.Fatalf("in round %d; the server says:\n%s", round, n.log)
		}
	}
	n = startNode(t, "watchword", data, "--issuer", crashIssuer, "--trusted-proxy", "127.0.0.1")
	together(crowd, func(m *crowdMember) { m.recall(n.url) })
	people, sessions := 0, 0
	for _, m := range crowd {
		people += len(m.people)
		sessions += len(m.sessions)
	}
	t.Logf("%d kills, %d acts acknowledged under load, %d users and %d live sessions held to their answers", rounds, total, people, sessions)
}

func together(crowd []*crowdMember, do func(*crowdMember)) {
	var all sync.WaitGroup
	for _, m := range crowd {
		all.Go(func() { do(m) })
	}
	all.Wait()
}

const (
	crashPassword = "a-long-and-silly-pass-phrase"
	crashIssuer   = "https://id.example.org" // the port changes at each start
)

// certainty is how sure a client is that something happened.
type certainty int

const (
	no    certainty = iota
	maybe           // asked, not answered
	yes             // answered
)

// crowdMember is a client with some users and sessions, which nobody else uses.
type crowdMember struct {
	t        *testing.T
	number   int
	client   *http.Client
	admin    string // an administrator's access token
	random   *rand.Rand
	people   []*person
	sessions []*device

	acknowledged chan struct{}
}

// person is a user whose sign-up was answered.
type person struct {
	id, name string
	blocked  certainty
	unproven bool // has not signed in since the last crash that could have lost them
}

// device holds the tokens of a session whose sign-in was answered.
type device struct {
	owner           *person
	access, refresh string
	key             string // the request key, made before the first try, kept until the token changes
	ended           certainty
}

func (d *device) take(a answer) {
	d.access = a.text("accessToken")
	if token := a.text("refreshToken"); token != d.refresh {
		d.refresh, d.key = token, crand.Text()
	}
}

// address is another one each time, so that no client is throttled for the others.
func (m *crowdMember) address() string {
	return fmt.Sprintf("10.%d.%d.%d", m.random.IntN(256), m.random.IntN(256), m.random.IntN(256))
}

func (m *crowdMember) send(ctx context.Context, url string, c call) (answer, error) {
	c.from = m.address()
	return c.do(ctx, m.client, url)
}

func (m *crowdMember) signIn(p *person) call {
	return call{method: "POST", path: "/api/auth/signin", body: map[string]string{"username": p.name, "password": crashPassword}}
}

func (m *crowdMember) refresh(d *device) call {
	return call{method: "POST", path: "/api/auth/refreshtoken", body: map[string]string{"refreshToken": d.refresh}, requestKey: d.key}
}

// live does one thing after another until the server is gone.
func (m *crowdMember) live(ctx context.Context, url string, acknowledged chan<- struct{}, killed *atomic.Bool) {
	for {
		what, err := m.act(context.WithoutCancel(ctx), url)
		if err != nil {
			if !killed.Load() {
				m.t.Errorf("%s: %v, before the kill", what, err)
			}
			select {
			case <-ctx.Done():
				return
			case acknowledged <- struct{}{}: // so that a broken server is killed too
				continue
			}
		}
		if what == "" {
			continue
		}
		select {
		case acknowledged <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// act does one thing chosen by chance and names it, or nothing. It returns an
// error if no answer came.
func (m *crowdMember) act(ctx context.Context, url string) (what string, err error) {
	var p *person
	if len(m.people) > 0 {
		p = m.people[m.random.IntN(len(m.people))]
	}
	var d *device
	if len(m.sessions) > 0 {
		d = m.sessions[m.random.IntN(len(m.sessions))]
	}
	switch dice := m.random.IntN(100); {
	case p == nil || dice < 8:
		return "sign up", m.signUp(ctx, url)
	case d == nil || dice < 20:
		if p.blocked != no {
			return "", nil
		}
		a, err := m.send(ctx, url, m.signIn(p))
		if err == nil && m.expect("sign in", a, http.StatusOK) {
			fresh := &device{owner: p}
			fresh.take(a)
			m.sessions = append(m.sessions, fresh)
			p.unproven = false
		}
		return "sign in", err
	case dice < 26:
		before := d.ended
		d.ended = max(d.ended, maybe)
		a, err := m.send(ctx, url, call{method: "POST", path: "/api/auth/signout", body: map[string]string{"refreshToken": d.refresh}})
		if err == nil {
			d.ended = before
			if m.expect("sign out", a, http.StatusOK) {
				d.ended = yes
			}
		}
		return "sign out", err
	case dice < 28:
		before := p.blocked
		p.blocked = max(p.blocked, maybe)
		a, err := m.send(ctx, url, call{method: "POST", path: "/api/admin/users/" + p.id + "/block", access: m.admin, body: map[string]string{"reason": "crash test"}})
		if err == nil {
			p.blocked = before
			if m.expect("block", a, http.StatusOK) {
				p.blocked = yes
			}
		}
		return "block", err
	default:
		if d.ended != no || d.owner.blocked != no {
			return "", nil
		}
		a, err := m.send(ctx, url, m.refresh(d))
		if err == nil && m.expect("refresh", a, http.StatusOK) {
			d.take(a)
		}
		return "refresh", err
	}
}

func (m *crowdMember) signUp(ctx context.Context, url string) error {
	name := fmt.Sprintf("p%d-%d-%s", m.number, len(m.people), crand.Text()[:6])
	a, err := m.send(ctx, url, call{method: "POST", path: "/api/auth/signup", body: map[string]string{
		"username": name, "email": name + "@example.org", "password": crashPassword,
	}})
	if err == nil && m.expect("sign up", a, http.StatusOK) {
		m.people = append(m.people, &person{id: a.text("id"), name: name, unproven: true})
	}
	return err
}

// expect reports whether the answer is the one that was expected. A server that
// is too busy says so by 503; that is allowed, and did nothing.
func (m *crowdMember) expect(what string, a answer, want int) bool {
	if a.status == want {
		return true
	}
	if a.status != http.StatusServiceUnavailable {
		m.t.Errorf("%s: %d %v, want %d", what, a.status, a.body, want)
	}
	return false
}

// recall holds a server that was started again to what the last one answered.
func (m *crowdMember) recall(url string) {
	m.client.CloseIdleConnections()
	ctx := m.t.Context()
	send := func(what string, c call) answer {
		a, err := m.send(ctx, url, c)
		if err != nil {
			m.t.Errorf("%s after the crash: %v", what, err)
		}
		return a
	}
	for _, p := range m.people {
		if p.blocked == no && !p.unproven {
			continue
		}
		a := send("sign in", m.signIn(p))
		switch {
		case p.blocked == yes && a.status == http.StatusOK:
			m.t.Errorf("the block of %s was acknowledged, and they sign in", p.name)
		case p.blocked == maybe && a.status == http.StatusOK:
			p.blocked = no
		case p.blocked == maybe:
			p.blocked = yes
		case p.blocked == no && a.status != http.StatusOK:
			m.t.Errorf("the sign-up of %s was acknowledged, and they do not sign in: %d %v", p.name, a.status, a.body)
		}
		p.unproven = false
	}
	var alive []*device
	for _, d := range m.sessions {
		if d.ended == yes || d.owner.blocked == yes {
			if a := send("read", call{method: "GET", path: "/api/auth/me", access: d.access}); a.status != http.StatusUnauthorized {
				m.t.Errorf("the end of a session of %s was acknowledged, and its access token gets %d", d.owner.name, a.status)
			}
		}
		a := send("refresh", m.refresh(d))
		switch {
		case a.status == http.StatusOK && (d.ended == yes || d.owner.blocked == yes):
			m.t.Errorf("the end of a session of %s was acknowledged, and it refreshes", d.owner.name)
		case a.status == http.StatusOK:
			d.ended = no
			d.take(a)
			alive = append(alive, d)
		case d.ended == no && d.owner.blocked == no:
			m.t.Errorf("a session of %s was signed out by a crash: %d %v", d.owner.name, a.status, a.body)
		case a.text("session") != "ended":
			m.t.Errorf("an ended session says that it is %q", a.text("session"))
		}
	}
	m.sessions = alive
	m.people = m.people[:countLive(m.people)]
}

// countLive moves the people who can still sign in to the front and counts them.
func countLive(people []*person) int {
	n := 0
	for i, p := range people {
		if p.blocked == no {
			people[n], people[i] = people[i], people[n]
			n++
		}
	}
	return n
}
