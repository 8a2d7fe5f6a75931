package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// ErrBusy is returned when a password cannot be hashed soon: too many others
// are waiting, or the wait took too long. Try again in a few seconds.
var ErrBusy = errors.New("too many passwords are being checked at the moment")

// Config is what a Hasher needs. The zero value is the default.
type Config struct {
	Cost     Cost          // of new hashes; default: 19 MiB, 2 passes, 1 lane
	Parallel int           // how many hashes at once; default: GOMAXPROCS
	Queue    int           // how many may wait; default: 256
	Wait     time.Duration // how long one may wait; default: 10 s
	Rand     io.Reader     // default: crypto/rand
}

// Hasher makes and checks hashes, a few at a time. It is safe for concurrent use.
type Hasher struct {
	Config
	slots   chan struct{}
	large   chan struct{} // held by the one hash that needs a lot of memory
	waiting atomic.Int64
	runs    atomic.Uint64
	refused atomic.Uint64
	pace    pace
}

// New makes a Hasher.
func New(c Config) *Hasher {
	if c.Cost == (Cost{}) {
		c.Cost = Cost{Memory: 19 * 1024, Passes: 2, Lanes: 1}
	}
	if c.Parallel <= 0 {
		c.Parallel = runtime.GOMAXPROCS(0)
	}
	if c.Queue <= 0 {
		c.Queue = 256
	}
	if c.Wait <= 0 {
		c.Wait = 10 * time.Second
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return &Hasher{Config: c, slots: make(chan struct{}, c.Parallel), large: make(chan struct{}, 1)}
}

// Hash makes a new hash of a password, with a salt of its own.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	made := argon2Hash{id: true, cost: h.Cost, salt: make([]byte, saltSize)}
	if _, err := io.ReadFull(h.Rand, made.salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	_, err := h.run(ctx, made.memory(), func() { made.tag = made.derive(password, tagSize) })
	if err != nil {
		return "", err
	}
	return made.String(), nil
}

// Check reports whether the hash is the password's, in constant time for the
// hash's kind and cost. If it is, stale reports whether the hash is weaker than
// a new one would be, and should be replaced by one.
//
// Saying no takes as long for every user: see Dummy. A hash that Validate
// refuses is an error that is ErrUnsupported.
func (h *Hasher) Check(ctx context.Context, hash, password string) (ok, stale bool, err error) {
	kept, err := parse(hash)
	if err != nil {
		return false, false, err
	}
	began, err := h.run(ctx, kept.memory(), func() { ok = kept.matches(password) })
	if err != nil {
		return false, false, err
	}
	if !kept.usual(h.Cost) {
		h.pace.note(began, time.Now())
	}
	if !ok {
		h.pace.keep(ctx, began)
		return false, false, nil
	}
	return true, kept.weaker(h.Cost), nil
}

// Dummy does the work of a Check that says no, for a user who does not exist, so
// that the time of an answer does not tell who exists. A hash that another system
// made may cost more or less than ours: while there are such, every no is drawn
// out to the longest that one of them took lately.
func (h *Hasher) Dummy(ctx context.Context, password string) error {
	nobody := argon2Hash{id: true, cost: h.Cost, salt: make([]byte, saltSize), tag: make([]byte, tagSize)}
	began, err := h.run(ctx, nobody.memory(), func() { nobody.matches(password) })
	if err != nil {
		return err
	}
	h.pace.keep(ctx, began)
	return nil
}

// Waiting is how many callers wait for their turn.
func (h *Hasher) Waiting() int { return int(h.waiting.Load()) }

// Running is how many hashes are being computed.
func (h *Hasher) Running() int { return len(h.slots) }

// Refused is how many callers were told ErrBusy since the start.
func (h *Hasher) Refused() uint64 { return h.refused.Load() }

// Runs is how many hashes were computed since the start.
func (h *Hasher) Runs() uint64 { return h.runs.Load() }

// run works when it is its turn, and returns when it began.
func (h *Hasher) run(ctx context.Context, memory int, work func()) (time.Time, error) {
	if h.waiting.Add(1) > int64(h.Queue) {
		h.waiting.Add(-1)
		h.refused.Add(1)
		return time.Time{}, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, h.Wait)
	defer cancel()
	leave, err := h.enter(ctx, memory)
	h.waiting.Add(-1)
	if err != nil {
		h.refused.Add(1)
		return time.Time{}, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	defer leave()
	h.runs.Add(1)
	began := time.Now()
	work()
	tidy(memory)
	return began, nil
}

// smallHeap is up to how much live memory a collection is cheap beside a hash of
// the usual size; largeHash, in KiB, is what is worth one.
const (
	smallHeap = 64 << 20
	largeHash = 8 * 1024
)

// tidy collects what a hash has left behind. Left to itself the collector lets the
// heap double, which for blocks as large as these is several of them; where the
// heap is large anyhow that is no matter, and a collection would cost more than
// it is worth. It is done after every hash alike, so that no answer tells by its
// time whose turn it was.
func tidy(memory int) {
	if memory < largeHash {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 && live[0].Value.Uint64() < smallHeap {
		runtime.GC()
	}
}

// enter waits for a slot, and first for its turn among those that need a lot of
// memory: there is only ever one of them.
func (h *Hasher) enter(ctx context.Context, memory int) (leave func(), err error) {
	leave = func() { <-h.slots }
	if memory > largeMemory {
		if err := take(ctx, h.large); err != nil {
			return nil, err
		}
		leave = func() { <-h.slots; <-h.large }
	}
	if err := take(ctx, h.slots); err != nil {
		if memory > largeMemory {
			<-h.large
		}
		return nil, err
	}
	return leave, nil
}

// take puts a token in, as soon as there is room.
func take(ctx context.Context, slots chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
