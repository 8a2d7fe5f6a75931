package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// A session is one string. What scripts and counts look at is at its beginning, at
// fixed places; what a rotation replaces is in three pieces.
//
//	 0  version   1   the letter 'A'
//	 1  ended     1   0, or 1 if there is a tombstone
//	 2  moving   16   generation, idle until                ◄─ rotation
//	18  expires   8
//	26  lengths   6   of the register, birth ip, birth agent ◄─ rotation: the first
//	32  register      rotated, emitted, request key, seen    ◄─ rotation
//	    birth         ip, user agent
//	    fixed         user, delivery, created, client
//	    tombstone     at, reason, by
//
// Numbers are big-endian; times are microseconds since 1970, within the register and behind
// it as varints. The texts of the register are their length in two bytes, or
// asBorn, and their bytes.
const (
	version = 'A'

	offMoving   = 2
	offExpires  = 18
	offLengths  = 26
	offRegister = 32
)

const (
	asBorn  = 0xffff // instead of a length: the text is that of the birth
	maxText = asBorn - 1
)

var (
	errRecord = errors.New("a key holds no session that this version of Watchword can read")
	errText   = fmt.Errorf("a session's texts have at most %d bytes each", maxText)
)

// packed is a register in the pieces that a rotation writes.
type packed struct {
	moving    []byte
	core      []byte // rotated, emitted, request key
	ip, agent string // where it was seen
}

func packRegister(r session.Register) (packed, error) {
	if len(r.LastSeen.IP) > maxText || len(r.LastSeen.UserAgent) > maxText {
		return packed{}, errText
	}
	p := packed{ip: r.LastSeen.IP, agent: r.LastSeen.UserAgent}
	p.moving = binary.BigEndian.AppendUint64(make([]byte, 0, offExpires-offMoving), r.Generation)
	p.moving = binary.BigEndian.AppendUint64(p.moving, uint64(r.IdleUntil.UnixMicro()))

	keyed := r.RequestKey != session.RequestKey{}
	p.core = make([]byte, 1, 32)
	p.core = binary.AppendVarint(p.core, r.RotatedAt.UnixMicro())
	p.core = binary.AppendVarint(p.core, r.EmittedAt.UnixMicro()-r.RotatedAt.UnixMicro())
	if keyed {
		p.core[0] = 1
		p.core = append(p.core, r.RequestKey[:]...)
	}
	return p, nil
}

// packSession is a whole session.
func packSession(s session.Session) ([]byte, error) {
	for _, text := range []string{s.Birth.IP, s.Birth.UserAgent, s.ClientID, string(s.Tombstone.Reason), s.Tombstone.By} {
		if len(text) > maxText {
			return nil, errText
		}
	}
	r, err := packRegister(s.Register)
	if err != nil {
		return nil, err
	}
	register := appendSeen(appendSeen(r.core, r.ip, s.Birth.IP), r.agent, s.Birth.UserAgent)
	if len(register) > math.MaxUint16 {
		return nil, errText
	}
	ended := byte(0)
	if s.Revoked() {
		ended = 1
	}
	b := append([]byte{version, ended}, r.moving...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.ExpiresAt.UnixMicro()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(register)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Birth.IP)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Birth.UserAgent)))
	b = append(b, register...)
	b = append(append(b, s.Birth.IP...), s.Birth.UserAgent...)
	b = append(append(b, s.UserID[:]...), byte(s.Delivery))
	b = binary.AppendVarint(b, s.CreatedAt.UnixMicro())
	b = appendText(b, s.ClientID)
	if s.Revoked() {
		b = append(b, packTombstone(s.Tombstone)...)
	}
	return b, nil
}

func packTombstone(t session.Tombstone) []byte {
	b := binary.AppendVarint(nil, t.At.UnixMicro())
	return appendText(appendText(b, string(t.Reason)), t.By)
}

// appendSeen writes a text that may be that of the birth.
func appendSeen(b []byte, text, born string) []byte {
	if text == born {
		return binary.BigEndian.AppendUint16(b, asBorn)
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// head is what counting and forgetting look at: the first offLengths bytes.
type head struct {
	ended              bool
	idleUntil, expires time.Time
}

func unpackHead(value string) (head, error) {
	if len(value) < offLengths || value[0] != version {
		return head{}, errRecord
	}
	r := reader{rest: value[offMoving+8:]}
	h := head{ended: value[1] != 0, idleUntil: r.time(), expires: r.time()}
	return h, nil
}

// unpackSession reads the value under a session's key.
func unpackSession(id session.ID, value string) (session.Session, error) {
	if len(value) < offRegister || value[0] != version || value[1] > 1 {
		return session.Session{}, errRecord
	}
	s := session.Session{ID: id}
	r := reader{rest: value[offMoving:]}
	s.Generation, s.IdleUntil, s.ExpiresAt = r.number(), r.time(), r.time()
	register, ip, agent := int(r.short()), int(r.short()), int(r.short())

	inner := reader{rest: r.take(register)}
	s.Birth = session.Origin{IP: r.take(ip), UserAgent: r.take(agent)}
	keyed := inner.take(1)
	rotated := inner.varint()
	s.RotatedAt = fromMicros(rotated)
	s.EmittedAt = fromMicros(rotated + inner.varint())
	if keyed == "\x01" {
		copy(s.RequestKey[:], inner.take(len(s.RequestKey)))
	}
	s.LastSeen = session.Origin{IP: inner.seen(s.Birth.IP), UserAgent: inner.seen(s.Birth.UserAgent)}

	copy(s.UserID[:], r.take(len(s.UserID)))
	if delivery := r.take(1); delivery != "" {
		s.Delivery = session.Delivery(delivery[0])
	}
	s.CreatedAt = fromMicros(r.varint())
	s.ClientID = r.text()
	if value[1] == 1 {
		s.Tombstone = session.Tombstone{At: fromMicros(r.varint()), Reason: session.Reason(r.text()), By: r.text()}
	}
	if !r.finished() || !inner.finished() {
		return session.Session{}, errRecord
	}
	return s, nil
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// reader takes a value apart. Once it was too short for what was asked it gives
// zeros, and broken is set.
type reader struct {
	rest   string
	broken bool
}

func (r *reader) take(n int) string {
	if r.broken || n > len(r.rest) {
		r.broken = true
		return ""
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) number() (n uint64) {
	for _, c := range []byte(r.take(8)) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (r *reader) short() (n uint16) {
	for _, c := range []byte(r.take(2)) {
		n = n<<8 | uint16(c)
	}
	return n
}

func (r *reader) time() time.Time { return fromMicros(int64(r.number())) }

func (r *reader) varint() int64 {
	u := r.uvarint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (r *reader) uvarint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := r.take(1)
		if c == "" {
			return 0
		}
		n |= uint64(c[0]&0x7f) << shift
		if c[0] < 0x80 {
			return n
		}
	}
	r.broken = true
	return 0
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > maxText {
		r.broken = true
		return ""
	}
	return r.take(int(n))
}

// seen is a text of the register.
func (r *reader) seen(born string) string {
	n := r.short()
	if n == asBorn {
		return born
	}
	return r.take(int(n))
}

// finished reports whether everything was read, and nothing was missing.
func (r *reader) finished() bool { return !r.broken && r.rest == "" }
