package session

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// ID names a session in public: the `sid` of access tokens, the row's key, and
// what users and administrators see. It is a digest of the refresh token's
// handle, so it prolongs nothing.
type ID [16]byte

// ErrMalformedID is returned for text that is not a session's id.
var ErrMalformedID = errors.New("not a session id")

// ParseID reads the 32 hexadecimal digits of an ID, or fails with ErrMalformedID.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 2*len(id) {
		return ID{}, ErrMalformedID
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return ID{}, ErrMalformedID
	}
	return id, nil
}

// String is the form that ParseID reads, in lower case.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Delivery is how a session's refresh tokens travel. It is fixed at sign-in and
// sealed into each token, so that a cookie's token never works in a body, where
// a script injected into a page could read its successor.
type Delivery uint8

// The deliveries. The zero value is none of them.
const (
	Body   Delivery = 1 // in the JSON of requests and answers: apps, servers, scripts
	Cookie Delivery = 2 // in an HttpOnly cookie: browsers
)

// String is the delivery's name in configuration, in JSON and in logs.
func (d Delivery) String() string {
	switch d {
	case Body:
		return "body"
	case Cookie:
		return "cookie"
	}
	return "unknown"
}

// Origin is where a request came from, as far as we can tell.
type Origin struct {
	IP        string // textual, as the trusted proxies report it
	UserAgent string // cut to 256 bytes
}

// Session is one sign-in on one device: what is listed, refreshed and revoked.
type Session struct {
	// Fixed at birth.
	ID        ID
	UserID    account.ID
	ClientID  string
	Delivery  Delivery
	CreatedAt time.Time
	ExpiresAt time.Time // absolute: no refresh moves it
	Birth     Origin

	// What refreshes change.
	Register

	// Set once, never cleared.
	Tombstone Tombstone
}

// Register is the part of a session that a rotation writes. Its order is that of
// Generation: writing an older one over a newer one never happens, so that
// replaying or merging writes in any order gives the same state.
type Register struct {
	Generation uint64     // how many times the refresh token was replaced, plus one
	RotatedAt  time.Time  // when Generation came to be; its token tells it to the second
	EmittedAt  time.Time  // when its token was last handed out
	RequestKey RequestKey // of the request that made it; zero if it sent none
	IdleUntil  time.Time  // ended if nobody refreshes before then
	LastSeen   Origin     // of the request that wrote this
}

// RequestKey is the digest of an Idempotency-Key header. The zero value means
// that the request sent none.
type RequestKey [16]byte

// Tombstone says when, why and by whom a session was ended. The zero value: it was not.
type Tombstone struct {
	At     time.Time
	Reason Reason
	By     string // a user's id, "cli", or "system"
}

// Reason says why a session ended. Users, logs and the API see these words.
type Reason string

// The reasons for the end of a session.
const (
	SignedOut       Reason = "signed_out"        // by its own sign-out
	EndedByUser     Reason = "ended_by_user"     // from another session of the same user
	EndedByAdmin    Reason = "ended_by_admin"    // by an administrator
	PasswordChanged Reason = "password_changed"  // elsewhere
	UserBlocked     Reason = "user_blocked"      // by an administrator
	ReuseDetected   Reason = "reuse_detected"    // an old refresh token that only a thief would present
	TooManySessions Reason = "too_many_sessions" // the user's oldest made room
	Superseded      Reason = "superseded"        // another sign-in took its place in the same browser, of higher assurance for example
	Expired         Reason = "expired"           // its absolute lifetime passed; no tombstone is written
	Idle            Reason = "idle"              // nobody refreshed it for too long; no tombstone is written
	Unknown         Reason = "unknown"           // no such session: never begun here, or forgotten long after its end
)

// Revoked reports whether the session was ended by somebody, rather than by time.
func (s Session) Revoked() bool { return !s.Tombstone.At.IsZero() }

// EndedBy tells whether, and for which reason, the session has ended at the time now.
func (s Session) EndedBy(now time.Time) (Reason, bool) {
	switch {
	case s.Revoked():
		return s.Tombstone.Reason, true
	case !now.Before(s.ExpiresAt):
		return Expired, true
	case !now.Before(s.IdleUntil):
		return Idle, true
	}
	return "", false
}
