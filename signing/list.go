package signing

import (
	"slices"
	"time"
)

// State is where in its life a key is. See the package comment.
type State string

// The states of a key, in the order in which it has them.
const (
	Next    State = "next"    // published, does not sign yet
	Current State = "current" // signs
	Old     State = "old"     // replaced; what it signed still verifies
	Retired State = "retired" // what it signed has expired
	Revoked State = "revoked" // was lost; nothing it signed is accepted
)

// KeyInfo is what may be told about a key.
type KeyInfo struct {
	Number    int    // 0 for HS256
	ID        string // "" for HS256
	Algorithm string
	State     State
	CreatedAt time.Time
	ActiveAt  time.Time // when it signs, or began to
	EndsAt    time.Time // when it leaves the JWKS, or left it; zero if that is not known yet
}

// RotatesAt is when the key that signs is replaced by the next: the one that is
// published already, or the one that will be made. It is zero for HS256, whose
// key nobody replaces but an operator.
func (r *Ring) RotatesAt() time.Time {
	newest, ok := newest(r.state.Load().records)
	switch {
	case !ok:
		return time.Time{}
	case newest.ActiveAt.After(r.config.Now()):
		return newest.ActiveAt
	}
	return newest.ActiveAt.Add(r.policy.every)
}

// List returns all keys that the store has, those that ended lately too, the
// newest first: as they were at the last reload.
func (r *Ring) List() []KeyInfo {
	s, now := r.state.Load(), r.config.Now()
	if len(s.records) == 0 { // HS256
		var list []KeyInfo
		for _, k := range s.keys {
			list = append(list, KeyInfo{Algorithm: k.record.Algorithm, State: Current})
		}
		return list
	}
	signing := current(s.records, now)
	list := make([]KeyInfo, 0, len(s.records))
	for i, record := range s.records {
		info := KeyInfo{
			Number: record.Number, ID: record.ID, Algorithm: record.Algorithm,
			CreatedAt: record.CreatedAt, ActiveAt: record.ActiveAt,
		}
		if ended(record) {
			info.EndsAt = endedAt(record)
		} else if replaced, ok := replacedAt(s.records, i); ok {
			info.EndsAt = replaced.Add(r.policy.retain)
		}
		switch {
		case !record.RevokedAt.IsZero():
			info.State = Revoked
		case !verifies(record, now):
			info.State = Retired
		case i == signing:
			info.State = Current
		case i > signing:
			info.State = Next
		default:
			info.State = Old
		}
		list = append(list, info)
	}
	slices.Reverse(list)
	return list
}
