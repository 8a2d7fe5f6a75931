package verify

import (
	"slices"
	"time"
)

// Claims is what a verified access token says (RFC 9068 section 2.2, and the
// claims this issuer adds). Times are to the second, in UTC.
type Claims struct {
	Issuer    string    // iss
	Subject   string    // sub: the user's id, never reassigned
	Audience  []string  // aud
	ClientID  string    // client_id
	IssuedAt  time.Time // iat
	Expiry    time.Time // exp
	ID        string    // jti
	SessionID string    // sid: the session the token was issued for
	AuthTime  time.Time // auth_time: when the user signed in
	Roles     []string  // roles
	Epoch     uint64    // epoch: rises when the user's roles, password or block change
	Username  string    // preferred_username
	Email     string    // email
}

// Has reports whether the token carries the role.
func (c *Claims) Has(role string) bool { return slices.Contains(c.Roles, role) }
