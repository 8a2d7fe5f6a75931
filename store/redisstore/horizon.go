package redisstore

import (
	"sync"
	"time"
)

// horizon is the earliest end of a session that this process knows of, once it has
// looked at all of them: before it nothing expires. It saves reading every
// key in vain. What other nodes begin is not seen; if they give sessions a shorter life,
// Redis drops these by itself all the same.
type horizon struct {
	mu     sync.Mutex
	at     time.Time
	looked bool
}

// look begins to look anew. Only one may at a time.
func (h *horizon) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.looked = time.UnixMicro(1<<62), false // after every end
}

// see takes note of a session.
func (h *horizon) see(expires time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if expires.Before(h.at) {
		h.at = expires
	}
}

// seen says that all sessions that were there since look began have been seen.
func (h *horizon) seen() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked = true
}

// clear reports whether nothing expires before the moment.
func (h *horizon) clear(before time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.looked && !h.at.Before(before)
}
