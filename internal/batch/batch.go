// Package batch turns many concurrent calls into few: while one batch runs, the
// calls that arrive form the next.
//
//	Do ─┐                     ┌─ answer
//	Do ─┼─► waiting ─► run ───┼─ answer     one run at a time
//	Do ─┘      ▲              └─ answer
//	           └── Do, Do, Do …             gather meanwhile
//
// Nobody waits for a timer: a call that finds nothing running is run at once, on
// its own if need be. Under load the batches grow by themselves, so that the
// cost of one round trip, or of one fsync, is shared by all who wait for it.
//
// The package knows nothing about what is asked. What two equal questions in one
// batch mean is the run function's business.
package batch

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Max is how many calls one batch holds at most.
const Max = 256

// ErrAnswers is returned to all callers of a batch if the run function returned
// no error and yet not one answer for each question.
var ErrAnswers = errors.New("batch: not as many answers as questions")

// ErrPanic is wrapped by the error that the callers of a batch get if the run
// function panicked, or ended its goroutine. Later batches are not affected.
var ErrPanic = errors.New("batch: the run function panicked")

// Run answers a batch of one to Max questions, in their order. An error is given
// to every caller. The context is the batch's own: it ends after the Gatherer's
// limit, not with any caller's.
type Run[Q, A any] func(ctx context.Context, questions []Q) ([]A, error)

// Gatherer gathers concurrent calls of Do. It is safe for concurrent use. It
// owns no goroutine while nothing is asked, so there is nothing to stop.
type Gatherer[Q, A any] struct {
	run   Run[Q, A]
	limit time.Duration
	sizes [sizes]atomic.Uint64
	calls atomic.Uint64

	mu      sync.Mutex
	waiting []call[Q, A]
	running bool // a goroutine is in drain
}

// Sizes is how large batches were, since the start.
type Sizes struct {
	// Batches counts them: at i those of more than 2^(i−1) and at most 2^i calls.
	Batches [sizes]uint64
	Calls   uint64 // in all of them
}

// sizes is how many there are to tell apart: 1, 2, 4 … Max.
const sizes = 9

// Add counts the batches of another Gatherer among these.
func (s *Sizes) Add(other Sizes) {
	for i, n := range other.Batches {
		s.Batches[i] += n
	}
	s.Calls += other.Calls
}

// Count counts a batch of calls among the Gatherer's own: one that was answered
// beside it, because that could be done at once.
func (g *Gatherer[Q, A]) Count(calls int) {
	g.sizes[bits.Len(uint(calls-1))].Add(1)
	g.calls.Add(uint64(calls))
}

// Sizes is how large the batches were until now.
func (g *Gatherer[Q, A]) Sizes() Sizes {
	var s Sizes
	for i := range g.sizes {
		s.Batches[i] = g.sizes[i].Load()
	}
	s.Calls = g.calls.Load()
	return s
}

type call[Q, A any] struct {
	question Q
	reply    chan<- reply[A] // of capacity one: the answer never waits for a caller who left
}

type reply[A any] struct {
	answer A
	err    error
}

// New makes a Gatherer whose batches may take at most limit each.
func New[Q, A any](limit time.Duration, run Run[Q, A]) *Gatherer[Q, A] {
	return &Gatherer[Q, A]{run: run, limit: limit}
}

// Do asks one question and returns its answer. If the context ends first Do
// returns its error at once; the batch goes on, and whether the question was
// answered is not known.
func (g *Gatherer[Q, A]) Do(ctx context.Context, question Q) (A, error) {
	var none A
	if err := ctx.Err(); err != nil {
		return none, err
	}
	replies := make(chan reply[A], 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, call[Q, A]{question, replies})
	lead := !g.running
	g.running = true
	g.mu.Unlock()
	if lead {
		// The first caller's batch runs beside it, not in it, so that it too may
		// leave when its context ends.
		go g.drain()
	}
	select {
	case r := <-replies:
		return r.answer, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// drain runs batches until nobody waits.
func (g *Gatherer[Q, A]) drain() {
	finished := false
	defer func() {
		if !finished { // run ended this goroutine: the next callers need another
			go g.drain()
		}
	}()
	for {
		// Those who were just answered are runnable but have not run. Without
		// this the next batch would be taken before they can ask again, and would
		// hold a fraction of them.
		runtime.Gosched()
		g.mu.Lock()
		if len(g.waiting) == 0 {
			g.waiting = nil
			g.running = false
			g.mu.Unlock()
			finished = true
			return
		}
		n := min(len(g.waiting), Max)
		calls := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.answer(calls)
	}
}

// answer runs one batch and replies to each of its callers, whether run returns,
// panics, or ends the goroutine.
func (g *Gatherer[Q, A]) answer(calls []call[Q, A]) {
	g.Count(len(calls))
	questions := make([]Q, len(calls))
	for i, c := range calls {
		questions[i] = c.question
	}
	var answers []A
	err := ErrPanic
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, value, debug.Stack())
		}
		for i, c := range calls {
			if err != nil {
				c.reply <- reply[A]{err: err}
				continue
			}
			c.reply <- reply[A]{answer: answers[i]}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), g.limit)
	defer cancel()
	answers, err = g.run(ctx, questions)
	if err == nil && len(answers) != len(calls) {
		err = fmt.Errorf("%w: %d for %d", ErrAnswers, len(answers), len(calls))
	}
}
