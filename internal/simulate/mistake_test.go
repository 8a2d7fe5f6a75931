package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// What others must not do, or a promise is broken: clients, servers, stores. The
// simulation finds each within so many seeds.
func TestMistakes(t *testing.T) {
	t.Parallel()
	app := rough(Scenario{Delivery: session.Body, Keys: true, Tabs: 4})
	browser := rough(Scenario{Delivery: session.Cookie, Keys: true, Tabs: 4, Nodes: 2})
	with := func(s Scenario, change func(*Scenario)) Scenario {
		change(&s)
		return s
	}
	clients := func(change func(*device)) func(*town) {
		return func(t *town) {
			for _, d := range t.devices {
				change(d)
			}
		}
	}
	policy := func(change func(*session.Policy)) session.Policy {
		p := session.DefaultPolicy()
		change(&p)
		return p
	}

	for name, row := range map[string]struct {
		Scenario
		breaks string
		rare   bool
	}{
		// Clients: see client.go.
		"another request key for each request": {breaks: "promise 1", Scenario: with(app, func(s *Scenario) {
			s.mistake = clients(func(d *device) { d.perRequest = true })
		})},
		"a request key that is not stored": {breaks: "promise 1", Scenario: with(app, func(s *Scenario) {
			s.mistake = clients(func(d *device) { d.forgetful = true })
		})},
		"one request key for all requests, or one that can be computed": {breaks: "promise 2", Scenario: with(app, func(s *Scenario) {
			s.Thief, s.mistake = TheStorage, clients(func(d *device) { d.perSession = true })
		})},
		"a late answer's token put over that of a new session": {breaks: "promise 1", Scenario: with(app, func(s *Scenario) {
			s.Admin, s.mistake = true, clients(func(d *device) { d.hasty = true })
		})},
		"a late end of a session taken for that of a new one": {breaks: "promise 1", Scenario: with(app, func(s *Scenario) {
			s.Admin, s.mistake = true, clients(func(d *device) { d.careless = true })
		})},
		"signing out at any failure": {breaks: "promise 1", Scenario: with(app, func(s *Scenario) {
			s.Failure, s.mistake = 0.05, clients(func(d *device) { d.skittish = true })
		})},

		// Servers: see httpapi.
		"a cookie that stays is set again": {breaks: "promise 1", Scenario: with(browser, func(s *Scenario) {
			s.mistake = func(t *town) { t.setsAgain = true }
		})},
		"a refused refresh takes the cookie away": {breaks: "promise 1", Scenario: with(bad(browser), func(s *Scenario) {
			s.Admin, s.mistake = true, func(t *town) { t.clearsCookies = true }
		})},

		// Numbers.
		"no minimum age, for a browser": {breaks: "promise 1", Scenario: with(browser, func(s *Scenario) {
			s.Policy = policy(func(p *session.Policy) { p.MinAge = 0 })
		})},
		"no retry window, with crashes": {breaks: "promise 1", Scenario: with(app, func(s *Scenario) {
			s.Crash, s.Policy = 0.5, policy(func(p *session.Policy) { p.RetryWindow = 0 })
		})},
		"answers that arrive after the minimum age": {breaks: "promise 1", Scenario: with(browser, func(s *Scenario) {
			s.Slowest = time.Minute
		})},

		// Stores: see session.Store.
		"no compare-and-set": {breaks: "promise 4", Scenario: with(app, func(s *Scenario) {
			s.mistake = func(t *town) { t.store.blind = true }
		})},
		"a revoked session is advanced": {breaks: "promise 3", Scenario: with(app, func(s *Scenario) {
			s.Admin, s.mistake = true, func(t *town) { t.store.undead, t.store.slow = true, true }
		})},
		"a crash forgets revocations": {breaks: "promise 3", Scenario: with(app, func(s *Scenario) {
			s.Admin, s.Crash, s.mistake = true, 0.5, func(t *town) { t.store.lazyRevoke = true }
		})},
		"a crash forgets that a cookie was handed out again": {breaks: "promise 1", rare: true, Scenario: with(bad(browser), func(s *Scenario) {
			s.Crash, s.mistake = 0.5, func(t *town) { t.store.lazyReplay = true }
		})},
		"a crash forgets minutes": {breaks: "promise 5", Scenario: with(app, func(s *Scenario) {
			s.Crash, s.mistake = 0.3, func(t *town) { t.store.forgetsForAge = true }
		})},

		// And a log that tells too much.
		"a request is logged": {breaks: "promise 6", Scenario: with(app, func(s *Scenario) {
			s.mistake = func(t *town) {
				t.devices[0].spied = func(r request) { t.witness.overhear(r.token[len(session.TokenPrefix):]) }
			}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if row.rare && (underRace || testing.Short()) {
				t.Skip("it takes hundreds of runs to be found")
			}
			const most = 2000
			for seed := range uint64(most) {
				if _, err := row.Run(seed + 1); err != nil {
					if !strings.HasPrefix(err.Error(), row.breaks+":") {
						t.Errorf("seed %d: want %s broken, got: %v", seed+1, row.breaks, err)
					}
					t.Logf("seed %d: %v", seed+1, err)
					return
				}
			}
			t.Errorf("nothing was broken in %d runs", most)
		})
	}
}
