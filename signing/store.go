package signing

import (
	"context"
	"errors"
	"time"
)

// ErrTaken is returned by Store.Add when another node was first.
var ErrTaken = errors.New("that key number is taken")

// Record is a signing key as a Store keeps it: its private part is sealed under
// the master secret, so that a stolen database signs nothing.
type Record struct {
	Number    int    // 1, 2, 3 …: the order in which keys are used; unique
	ID        string // the `kid`, unique
	Algorithm string // RFC 7518 and RFC 9864 names: ES256, Ed25519, RS256
	Public    []byte // PKIX, DER
	Sealed    []byte // PKCS #8, DER, encrypted: see secret.Master.Seal
	CreatedAt time.Time
	ActiveAt  time.Time // signs from then on, if no key with a higher number does
	// RetiredAt is when the last token it signed has expired and it leaves the
	// JWKS; zero while it may still sign.
	RetiredAt time.Time
	// RevokedAt is set when the key was lost: nothing it signed is accepted.
	RevokedAt time.Time
}

// Store keeps signing keys. Several nodes share one; Add decides between them.
// Every change is durable before it is acknowledged. Implementations are safe
// for concurrent use.
type Store interface {
	// Keys returns all records in the order of their numbers.
	Keys(ctx context.Context) ([]Record, error)

	// Add keeps a new record. If its number or id is in use it is ErrTaken and
	// nothing changes: the caller reads Keys again and uses what the other made.
	Add(ctx context.Context, r Record) error

	// Retire sets RetiredAt if it is zero; Revoke sets RevokedAt if it is zero.
	// An unknown id is no error.
	Retire(ctx context.Context, id string, at time.Time) error
	Revoke(ctx context.Context, id string, at time.Time) error

	// Remove forgets a key. An unknown id is no error.
	Remove(ctx context.Context, id string) error
}
