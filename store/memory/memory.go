// Package memory keeps everything in maps: for tests, demonstrations and
// simulations. What it keeps is gone when the process ends.
//
// It is also the plainest reading of the contracts. Each of the four stores is
// one type with one mutex; what goes in and what comes out is copied; nothing
// is decided here.
package memory

import (
	"bytes"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

// New returns four empty stores.
func New() store.Set {
	people := &users{
		byID:       map[account.ID]account.User{},
		byUsername: map[string]account.ID{},
		byEmail:    map[string]account.ID{},
	}
	return store.Set{
		Users: people,
		Sessions: &sessions{
			users:  people,
			byID:   map[session.ID]session.Session{},
			byUser: map[account.ID]map[session.ID]struct{}{},
		},
		Keys:   &keys{},
		Events: &events{},
	}
}

// micro is the time as stores keep it: to the microsecond, in UTC, without the
// monotonic clock's reading.
func micro(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// page is how many rows a query with this limit may return.
func page(limit int) int {
	switch {
	case limit <= 0:
		return 50
	case limit > 1000:
		return 1000
	}
	return limit
}

// newer orders identifiers that sort by time, the newest first.
func newer[T ~[16]byte](a, b T) int { return bytes.Compare(b[:], a[:]) }
