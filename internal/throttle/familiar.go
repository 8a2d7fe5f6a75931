package throttle

import "sync"

// Familiar remembers what was seen lately: which address an account was signed
// in from, say, so that a stranger who keeps failing cannot keep out whoever
// belongs there. It holds between capacity and twice that many keys and forgets
// those that were not met for longest, a generation at a time. It is safe for
// concurrent use.
type Familiar struct {
	mu       sync.Mutex
	capacity int
	young    map[digest]struct{}
	old      map[digest]struct{}
}

// NewFamiliar makes a Familiar that remembers at least the last capacity keys
// (default: 65,536, at most about 5 MB).
func NewFamiliar(capacity int) *Familiar {
	if capacity <= 0 {
		capacity = 65_536
	}
	return &Familiar{capacity: capacity, young: make(map[digest]struct{})}
}

// Meet remembers the key.
func (f *Familiar) Meet(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(digestOf(key))
}

// Knows reports whether the key is remembered; asking keeps it so.
func (f *Familiar) Knows(key string) bool {
	id := digestOf(key)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.young[id]; ok {
		return true
	}
	if _, ok := f.old[id]; !ok {
		return false
	}
	f.keep(id)
	return true
}

// keep is called with the lock held.
func (f *Familiar) keep(id digest) {
	if _, ok := f.young[id]; !ok && len(f.young) >= f.capacity {
		f.old, f.young = f.young, make(map[digest]struct{})
	}
	f.young[id] = struct{}{}
}
