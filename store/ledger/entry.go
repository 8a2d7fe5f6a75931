package ledger

import (
	"encoding/binary"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// elsewhere is the generation of entries. No token has it: theirs have 32 bits. To
// those who know nothing of entries every token is older; and since the register was made
// in the future, none of them is so old that it would be a thief's.
const elsewhere = 1 << 32

// entryOf is a session as the durable store keeps it. Of the register it says what must not be
// lost: when a token was last handed out, durably; until when the session was
// not idle then, and the generation, both in the place of the request key. As far as it
// knows a session is not idle until it expires.
func entryOf(s session.Session) session.Session {
	s.Register = floor(s.Register, s.ExpiresAt)
	return s
}

// floor is what an entry says of a register.
func floor(r session.Register, expires time.Time) session.Register {
	kept := session.Register{
		Generation: elsewhere, RotatedAt: expires, IdleUntil: expires,
		EmittedAt: r.EmittedAt, LastSeen: r.LastSeen,
	}
	binary.BigEndian.PutUint64(kept.RequestKey[:8], uint64(r.IdleUntil.UnixMicro()))
	binary.BigEndian.PutUint64(kept.RequestKey[8:], r.Generation)
	return kept
}

// forget is the register of an entry that is about to be rotated in the fast store: its
// generation is no longer known, the rest is.
func forget(entry session.Session) session.Register {
	r := entry.Register
	binary.BigEndian.PutUint64(r.RequestKey[8:], 0)
	return r
}

// rotated reports whether the session of an entry was rotated since the entry was
// written, or about to be: if the fast store does not know it then it is lost.
func rotated(entry session.Session) bool { return binary.BigEndian.Uint64(entry.RequestKey[8:]) == 0 }

// idleUntil is the earliest moment at which the session of an entry may be idle.
func idleUntil(entry session.Session) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(entry.RequestKey[:8]))).UTC()
}

// born is the session of an entry whose register is lost, as it was when the entry was
// written: at its birth, as a rule. When its generation was made and by which
// request is not known; not later than its token was handed out.
func born(entry session.Session) session.Session {
	entry.Register = session.Register{
		Generation: binary.BigEndian.Uint64(entry.RequestKey[8:]),
		RotatedAt:  entry.EmittedAt,
		EmittedAt:  entry.EmittedAt,
		IdleUntil:  idleUntil(entry),
		LastSeen:   entry.LastSeen,
	}
	return entry
}

// join is what is true of a session of which both stores know.
func join(entry, found session.Session) session.Session {
	if entry.Revoked() {
		found.Tombstone = entry.Tombstone
	}
	if entry.Generation != elsewhere {
		return found // it began before there was a fast store
	}
	if entry.EmittedAt.After(found.EmittedAt) {
		found.EmittedAt = entry.EmittedAt
	}
	if idle := idleUntil(entry); idle.After(found.IdleUntil) {
		found.IdleUntil = idle
	}
	return found
}
