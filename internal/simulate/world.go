package simulate

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"
)

// world is the clock, the chance and the agenda of one simulation.
type world struct {
	*rand.Rand
	seed   uint64
	now    time.Time
	agenda agenda
	booked uint64
	alive  map[*process]struct{}
	told   *[]string // the story so far; nil: nobody listens
	broken error     // the first promise that was broken
}

// noon is when every world begins.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newWorld(seed uint64) *world {
	return &world{Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed, now: noon, alive: map[*process]struct{}{}}
}

// tell adds a line to the story.
func (w *world) tell(format string, args ...any) {
	if w.told != nil {
		*w.told = append(*w.told, fmt.Sprintf("%14v  %s", w.now.Sub(noon).Truncate(time.Millisecond), fmt.Sprintf(format, args...)))
	}
}

// breaks notes that a promise was broken. The first one counts.
func (w *world) breaks(promise int, format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf("promise %d: %s, %v after the start", promise, fmt.Sprintf(format, args...), w.now.Sub(noon))
		w.tell("BROKEN: %v", w.broken)
	}
}

// chance is true with a probability.
func (w *world) chance(p float64) bool { return p > 0 && w.Float64() < p }

// between is a duration drawn evenly from a span.
func (w *world) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.Int64N(int64(most-least)))
}

// Agenda: what happens when. A heap by time, and by the order of booking.
type agenda []booking

type booking struct {
	at    time.Time
	order uint64
	do    func()
}

func (a agenda) before(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].order < a[j].order
}

// after has something happen when some time has passed.
func (w *world) after(d time.Duration, do func()) {
	w.booked++
	a := append(w.agenda, booking{w.now.Add(d), w.booked, do})
	for i := len(a) - 1; i > 0; {
		parent := (i - 1) / 2
		if !a.before(i, parent) {
			break
		}
		a[i], a[parent] = a[parent], a[i]
		i = parent
	}
	w.agenda = a
}

// next takes the earliest booking out.
func (w *world) next() booking {
	a := w.agenda
	first := a[0]
	last := len(a) - 1
	a[0], a[last] = a[last], booking{}
	a = a[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(a); child++ {
			if a.before(child, least) {
				least = child
			}
		}
		if least == i {
			break
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
	w.agenda = a
	return first
}

// run lets time pass until done says so, a promise is broken, or nothing is left to happen.
func (w *world) run(done func() bool) {
	for len(w.agenda) > 0 && w.broken == nil && !done() {
		b := w.next()
		w.now = b.at
		b.do()
	}
}

// close lets go of whoever still waits for something.
func (w *world) close() {
	for p := range w.alive {
		p.kill()
	}
}

// process is somebody who acts: a coroutine that gives way where it waits.
type process struct {
	*world
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	parked uint64 // which wait it is in; 0: none
	waits  uint64
}

// killed unwinds a process that will not be resumed.
type killed struct{}

// spawn starts a process.
func (w *world) spawn(body func(*process)) *process {
	p := &process{world: w}
	p.resume, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
			}
		}()
		p.yield = yield
		body(p)
	})
	w.alive[p] = struct{}{}
	w.after(0, p.step)
	return p
}

func (p *process) step() {
	if _, known := p.alive[p]; !known {
		return
	}
	if _, more := p.resume(); !more {
		delete(p.alive, p)
	}
}

// kill ends a process where it waits, as a machine that loses power does.
func (p *process) kill() {
	if _, known := p.alive[p]; known {
		delete(p.alive, p)
		p.stop()
	}
}

// wait gives way until the returned function is called; begin is given it.
func (p *process) wait(begin func(wake func())) {
	p.waits++
	this := p.waits
	p.parked = this
	begin(func() {
		if p.parked == this {
			p.parked = 0
			p.after(0, p.step)
		}
	})
	if !p.yield(struct{}{}) {
		panic(killed{})
	}
}

// sleep gives way for some time.
func (p *process) sleep(d time.Duration) {
	p.wait(func(wake func()) { p.after(d, wake) })
}
