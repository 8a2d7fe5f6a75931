package simulate

import (
	"time"

	"github.com/watchwordauth/watchword/session"
)

// Scenario says who lives in a simulated town, and what may happen to them.
type Scenario struct {
	Policy   session.Policy // the zero value: session.DefaultPolicy
	Delivery session.Delivery
	Devices  int  // each with a session of its own; 0: one
	Tabs     int  // of each device; 0: one
	Keys     bool // the clients send request keys
	Nodes    int  // 0: one

	Slowest      time.Duration // a message arrives within this, or never
	Loss, Repeat float64       // the probability that one is lost, or arrives twice
	Late         float64       // that it takes its time; 0: 0.15
	Sleep        float64       // that a device is closed while it waits for an answer
	Failure      float64       // that a call of the store fails
	Crash        float64       // that the store crashes soon after a rotation

	Thief Loot
	Admin bool // sessions are ended and the user is blocked, now and then

	Moments int  // how often the clients need an access token; 0: 25
	Seldom  bool // and only every few days

	mistake func(*town) // what somebody does wrong
}

func (s Scenario) policy() session.Policy {
	if s.Policy == (session.Policy{}) {
		return session.DefaultPolicy()
	}
	return s.Policy
}

// Outcome counts what happened, so that a test can tell that it did.
type Outcome struct {
	Verdicts      [session.Ahead + 1]int // by session.Kind
	Healed        int
	Crashes       int
	LostRotations int
	SignedIn      int // sessions begun
	Revoked       int // sessions that were ended by somebody or as reuse
	ThiefGot      int // newer tokens that a thief was given
}

func (o *Outcome) count(kind session.Kind, healed bool) {
	o.Verdicts[kind]++
	if healed {
		o.Healed++
	}
}

// Add adds what happened elsewhere.
func (o *Outcome) Add(other Outcome) {
	for kind, n := range other.Verdicts {
		o.Verdicts[kind] += n
	}
	o.Healed += other.Healed
	o.Crashes += other.Crashes
	o.LostRotations += other.LostRotations
	o.SignedIn += other.SignedIn
	o.Revoked += other.Revoked
	o.ThiefGot += other.ThiefGot
}

// Run simulates the scenario with one seed and returns what happened, or the
// first promise that was broken.
func (s Scenario) Run(seed uint64) (Outcome, error) {
	t := newTown(seed, s, nil)
	return t.live()
}

// Story tells what happens with a seed, line by line, to see how a promise was broken.
func (s Scenario) Story(seed uint64) []string {
	var told []string
	t := newTown(seed, s, &told)
	_, _ = t.live() // its error is the story's last line
	return told
}

// live is the life of a town: a wild time, then a calm one, then the reckoning.
func (t *town) live() (Outcome, error) {
	defer t.close()
	moments := t.moments()
	last := moments[len(moments)-1]

	going := 0
	begin := func(body func(*process)) {
		going++
		t.spawn(func(p *process) {
			body(p)
			going--
		})
	}
	for _, d := range t.devices {
		begin(func(p *process) {
			d.signIn(p)
			for range max(t.scenario.Tabs, 1) {
				begin(func(p *process) { d.tab(p, moments) })
			}
		})
	}
	if t.scenario.Admin {
		t.spawn(func(p *process) { t.administer(p, moments) })
	}
	if t.scenario.Thief != NoThief {
		t.spawn(func(p *process) {
			p.sleep(p.between(time.Minute, last))
			if th := t.steal(t.devices[0]); th != nil {
				th.live(p, moments)
			}
		})
	}
	t.run(func() bool { return going == 0 })

	t.calm = true
	t.store.failure = 0
	finished := false
	t.spawn(func(p *process) {
		p.sleep(time.Minute) // what is under way arrives or is lost
		t.reckon(p)
		finished = true
	})
	t.run(func() bool { return finished })
	t.witness.eavesdrop()

	t.outcome.SignedIn = len(t.store.births)
	for _, l := range t.store.life {
		if !l.revoked.At.IsZero() {
			t.outcome.Revoked++
		}
	}
	if t.witness.thief != nil {
		t.outcome.ThiefGot = t.witness.thief.got
	}
	return t.outcome, t.broken
}

// reckon is what must be true in the end: every device gets in, and a thief and
// an owner who both refresh twice, in peace, are both shut out.
func (t *town) reckon(p *process) {
	pause := max(t.scenario.policy().MinAge, t.scenario.policy().RetryWindow) + 2*time.Second
	th := t.witness.thief
	for range 2 {
		for _, d := range t.devices {
			if !d.refresh(p) {
				t.breaks(1, "%s is kept out for no reason", d.name)
			}
		}
		p.sleep(pause)
		if th != nil {
			th.refresh(p)
			p.sleep(pause)
		}
	}
	if th != nil && t.scenario.policy().Rotation && t.store.life[th.id].revoked.At.IsZero() {
		if s, err := t.store.Store.Find(bg, th.id); err == nil {
			if _, over := s.EndedBy(p.now); !over {
				t.breaks(2, "thief and owner refreshed twice each, and session %v is alive", th.id)
			}
		}
	}
}

// moments are when the clients need an access token: close together, just after
// the token may be replaced, when an access token ends, after a night, after days.
func (t *town) moments() []time.Duration {
	n := t.scenario.Moments
	if n == 0 {
		n = 25
	}
	at, moments := time.Minute, []time.Duration{}
	for range n {
		if t.scenario.Seldom && t.chance(0.5) {
			at += t.between(2*24*time.Hour, 6*24*time.Hour)
			moments = append(moments, at)
			continue
		}
		switch t.IntN(8) {
		case 0, 1:
			at += t.between(0, 20*time.Second)
		case 2, 3:
			at += t.between(25*time.Second, 45*time.Second)
		case 4, 5:
			at += t.between(time.Minute, 20*time.Minute)
		case 6:
			at += t.between(time.Hour, 24*time.Hour)
		case 7:
			at += t.between(24*time.Hour, 8*24*time.Hour)
		}
		moments = append(moments, at)
	}
	return moments
}
