// Package audit keeps what happened: who signed in, which session was replayed
// or ended and why, what an administrator did. It is the source of the
// administrator's trail and of the story that `watchword session explain` tells.
//
// It owns the event, its types, and the contract of the store that keeps
// events. It decides nothing and guards nothing: an event is written by the use
// case that caused it. No event holds a token, a password or a key.
package audit

import (
	"time"

	"github.com/watchwordauth/watchword/internal/uuid"
)

// Type names what happened: a noun of the domain, a dot, a verb in the past.
type Type string

// The types of events. Those of a session carry its id; all carry the user where one is known.
const (
	UserSignedUp        Type = "user.signed_up"
	UserCreated         Type = "user.created" // by an administrator, or by import
	UserSignInFailed    Type = "user.sign_in_failed"
	UserThrottled       Type = "user.throttled"
	UserBlocked         Type = "user.blocked"
	UserUnblocked       Type = "user.unblocked"
	UserRolesChanged    Type = "user.roles_changed"
	UserPasswordChanged Type = "user.password_changed"
	UserResetOffered    Type = "user.reset_offered" // an administrator made a reset code
	UserResetFailed     Type = "user.reset_failed"  // a reset code that was used or too old

	SessionBegun     Type = "session.begun"
	SessionReplayed  Type = "session.replayed"  // a successor was handed out again to the same request
	SessionStraggled Type = "session.straggled" // an old token arrived late; nothing was given
	SessionHealed    Type = "session.healed"    // the store had lost a rotation
	SessionAhead     Type = "session.ahead"     // a token from a future the store does not know
	SessionReused    Type = "session.reused"    // an old token that only a thief would present
	SessionEnded     Type = "session.ended"

	KeyRotated Type = "key.rotated"

	StoreRestored Type = "store.restored" // from a backup: see package recovery

	AuditExported Type = "audit.exported" // an administrator took a copy of the trail
)

// Event is one thing that happened. It never changes once recorded.
type Event struct {
	ID        uuid.UUID // sorts by time
	At        time.Time // UTC, to the microsecond
	Type      Type
	User      string            // the user's id, or "" where none is known
	Session   string            // the session's id, or ""
	Actor     string            // who did it: a user's id, "cli", or "system"
	IP        string            // where the request came from, or ""
	UserAgent string            // as the client sent it, cut to 256 bytes
	Detail    map[string]string // what this type adds: reason, generation, roles …; a few short strings
}
