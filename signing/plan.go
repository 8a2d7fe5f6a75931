package signing

import (
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// policy says when keys are replaced. It is equal on all nodes, or nearly so.
type policy struct {
	algorithm verify.Algorithm
	every     time.Duration // a key signs for this long
	ahead     time.Duration // a scheduled successor is added this long before
	publish   time.Duration // and any at least this long, unless it is an emergency
	retain    time.Duration // a replaced key verifies for this long

	// opening lets a change of algorithm begin. It does so when a node starts and
	// never later: two nodes that are configured differently would outbid each
	// other every minute.
	opening bool
}

// forgetAfter is how long a key that is retired or revoked stays in the store, to
// be seen in lists. Then its private part is of no use to anybody.
const forgetAfter = 7 * 24 * time.Hour

// action is one thing to do to the store.
type action struct {
	do     verb
	id     string    // of the key; none for add
	number int       // add: of the new key
	at     time.Time // add: when it is active; retire: when it leaves the JWKS; revoke: now
	reason string    // add: for the event
}

type verb string

const (
	add    verb = "add"
	retire verb = "retire"
	revoke verb = "revoke"
	remove verb = "remove"
)

// The reasons for a new key.
const (
	first     = "first"     // there was none
	scheduled = "scheduled" // the one before is old enough
	changed   = "algorithm" // the configuration names another algorithm
	requested = "requested" // an operator wants it
	emergency = "emergency" // an operator lost the others
)

// plan says what is due: a first or a next key, the retirement of those that were
// replaced, the removal of those that ended long ago. When it was done nothing
// more is due at that time, but to remove what it retired after the fact. The
// records are in the order of their numbers.
func plan(records []Record, p policy, now time.Time) []action {
	var due []action
	for i, r := range records {
		switch replaced, ok := replacedAt(records, i); {
		case ended(r):
			// The highest number stays, so that none is given twice.
			if i+1 < len(records) && !now.Before(endedAt(r).Add(forgetAfter)) {
				due = append(due, action{do: remove, id: r.ID})
			}
		case ok && !now.Before(replaced):
			due = append(due, action{do: retire, id: r.ID, at: replaced.Add(p.retain)})
		}
	}
	newest, ok := newest(records)
	switch next := (action{do: add, number: nextNumber(records)}); {
	case !ok:
		next.at, next.reason = now, first
		due = append(due, next)
	case p.opening && newest.Algorithm != string(p.algorithm):
		next.at, next.reason = now.Add(p.publish), changed
		due = append(due, next)
	case !now.Before(newest.ActiveAt.Add(p.every - p.ahead)):
		next.at, next.reason = later(newest.ActiveAt.Add(p.every), now.Add(p.publish)), scheduled
		due = append(due, next)
	}
	return due
}

// planRotation says how an operator's wish for a new key is fulfilled. Unless it
// is an emergency the key is published first; if one is on its way that is not
// later, that one will do. In an emergency it is active at once, and all others
// are revoked, those too that are about to be used: what lost one may have lost
// them all.
func planRotation(records []Record, p policy, now time.Time, revokeOthers bool) []action {
	next := action{do: add, number: nextNumber(records), at: now.Add(p.publish), reason: requested}
	if !revokeOthers {
		newest, ok := newest(records)
		if ok && newest.ActiveAt.After(now) && !newest.ActiveAt.After(next.at) && newest.Algorithm == string(p.algorithm) {
			return nil
		}
		return []action{next}
	}
	next.at, next.reason = now, emergency
	due := []action{next} // first: there is a key to sign with at every moment
	for _, r := range records {
		if r.RevokedAt.IsZero() {
			due = append(due, action{do: revoke, id: r.ID, at: now})
		}
	}
	return due
}

// current returns the index of the key that signs: of those that are active the
// one with the highest number. If none is active yet it is the one that will be
// first: another node's clock is ahead, and early is better than never. It is -1
// if all have ended.
func current(records []Record, now time.Time) int {
	found := -1
	for i, r := range records {
		switch {
		case !verifies(r, now):
		case !r.ActiveAt.After(now), found < 0, records[found].ActiveAt.After(now) && r.ActiveAt.Before(records[found].ActiveAt):
			found = i
		}
	}
	return found
}

// verifies reports whether the key is in the JWKS.
func verifies(r Record, now time.Time) bool {
	return r.RevokedAt.IsZero() && (r.RetiredAt.IsZero() || r.RetiredAt.After(now))
}

// ended reports whether the key will sign no more.
func ended(r Record) bool { return !r.RevokedAt.IsZero() || !r.RetiredAt.IsZero() }

// endedAt is when an ended key left the JWKS, or will.
func endedAt(r Record) time.Time {
	if !r.RevokedAt.IsZero() {
		return r.RevokedAt
	}
	return r.RetiredAt
}

// replacedAt is when the i-th key has signed its last: the earliest time at which
// one with a higher number is active.
func replacedAt(records []Record, i int) (at time.Time, ok bool) {
	for _, r := range records[i+1:] {
		if r.RevokedAt.IsZero() && (!ok || r.ActiveAt.Before(at)) {
			at, ok = r.ActiveAt, true
		}
	}
	return at, ok
}

// newest is the key with the highest number among those that have not ended.
func newest(records []Record) (newest Record, ok bool) {
	for _, r := range records {
		if !ended(r) {
			newest, ok = r, true
		}
	}
	return newest, ok
}

func nextNumber(records []Record) int {
	if len(records) == 0 {
		return 1
	}
	return records[len(records)-1].Number + 1
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
