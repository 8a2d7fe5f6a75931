package verify

import (
	"context"
	"crypto"
	"errors"
)

// Algorithm is a JWS algorithm by its registered name. A key has exactly one.
type Algorithm string

// The algorithms that are verified. There is no "none".
const (
	ES256   Algorithm = "ES256"   // ECDSA, P-256, SHA-256 (RFC 7518 section 3.4)
	Ed25519 Algorithm = "Ed25519" // RFC 9864; the older name EdDSA is accepted where a key bears it
	RS256   Algorithm = "RS256"   // RSA PKCS #1 v1.5, SHA-256 (RFC 7518 section 3.3)
	HS256   Algorithm = "HS256"   // HMAC, SHA-256: a secret shared by issuer and resource server
)

// Key verifies what was signed by one key of the issuer.
type Key struct {
	ID        string           // kid
	Algorithm Algorithm        // the only one it verifies
	Public    crypto.PublicKey // *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey; nil for HS256
	Secret    []byte           // HS256: 32 bytes or more; nil otherwise
}

// ErrUnknownKey is returned by a KeySet for an id it does not have.
var ErrUnknownKey = errors.New("unknown key")

// KeySet finds the issuer's keys. Implementations are safe for concurrent use.
type KeySet interface {
	// Key returns the key with this id, or ErrUnknownKey. The id is an
	// attacker's input: it is looked up, never interpreted. Any other error
	// means that the keys cannot be had at the moment.
	Key(ctx context.Context, id string) (Key, error)
}

// Revocations tells which tokens died before they expired. Both methods are
// called for every verified token, so they answer from memory.
// Implementations are safe for concurrent use.
type Revocations interface {
	// Revoked reports whether the session with this id was ended.
	Revoked(sessionID string) bool

	// Stale reports whether the user's epoch has risen above epoch: the user's
	// roles, password or block changed after the token was issued.
	Stale(subject string, epoch uint64) bool
}
