package account

import (
	"slices"
	"time"

	"github.com/watchwordauth/watchword/internal/uuid"
)

// ID names a user for ever: a UUIDv7, never reused, the `sub` of access tokens.
type ID = uuid.UUID

// ParseID reads an ID's 36-character form.
func ParseID(text string) (ID, error) { return uuid.Parse(text) }

// The roles every installation knows. Others are added by configuration.
const (
	RoleUser      = "user"
	RoleModerator = "moderator"
	RoleAdmin     = "admin"
)

// User is an account.
type User struct {
	ID           ID
	Username     string   // as the user wrote it
	UsernameKey  string   // the form that is compared and unique: see UsernameKey
	Email        string   // as the user wrote it
	EmailKey     string   // the form that is compared and unique: see EmailKey
	PasswordHash string   // a PHC string; "" means that no password signs this user in
	Roles        []string // sorted, without duplicates
	Block        Block    // the zero value: not blocked

	// Epoch counts the changes that make older access tokens stale: of roles,
	// password and block. It starts at 1.
	Epoch   uint64
	EpochAt time.Time // when Epoch was last raised; zero: never, so that followers need not hear of every new user

	CreatedAt time.Time
}

// Block says that a user may not sign in or refresh, since when, why and by whom.
type Block struct {
	At     time.Time // zero: not blocked
	Reason string    // shown to administrators only
	By     string    // a user's id, or "cli"
}

// Blocked reports whether the user may not sign in or refresh.
func (u User) Blocked() bool { return !u.Block.At.IsZero() }

// Has reports whether the user has the role.
func (u User) Has(role string) bool { return slices.Contains(u.Roles, role) }

// EpochChange tells followers that access tokens of User with an epoch below
// Epoch are stale.
type EpochChange struct {
	User  ID
	Epoch uint64
	At    time.Time
}
