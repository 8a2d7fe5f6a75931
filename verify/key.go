package verify

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
)

// Algorithm is a JWS algorithm by its registered name. A key has exactly one.
type Algorithm string

// The algorithms that are verified. There is no "none". Watchword signs with the
// first four; the others are for keys of further issuers.
const (
	ES256   Algorithm = "ES256"   // ECDSA, P-256, SHA-256 (RFC 7518 section 3.4)
	Ed25519 Algorithm = "Ed25519" // RFC 9864; the older name EdDSA is accepted where a key bears it
	RS256   Algorithm = "RS256"   // RSA PKCS #1 v1.5, SHA-256 (RFC 7518 section 3.3)
	HS256   Algorithm = "HS256"   // HMAC, SHA-256: a secret shared by issuer and resource server

	EdDSA Algorithm = "EdDSA" // RFC 8037: Ed25519 under its older name
	ES384 Algorithm = "ES384" // ECDSA, P-384, SHA-384
	ES512 Algorithm = "ES512" // ECDSA, P-521, SHA-512
	RS384 Algorithm = "RS384" // RSA PKCS #1 v1.5, SHA-384
	RS512 Algorithm = "RS512" // RSA PKCS #1 v1.5, SHA-512
	PS256 Algorithm = "PS256" // RSA PSS, SHA-256 (RFC 7518 section 3.5)
	PS384 Algorithm = "PS384" // RSA PSS, SHA-384
	PS512 Algorithm = "PS512" // RSA PSS, SHA-512
	HS384 Algorithm = "HS384" // HMAC, SHA-384
	HS512 Algorithm = "HS512" // HMAC, SHA-512
)

// The sizes of RSA keys that are verified with: smaller ones can be broken,
// larger ones make each verification an attack.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Key verifies what was signed by one key of the issuer.
type Key struct {
	ID        string           // kid
	Algorithm Algorithm        // the only one it verifies
	Public    crypto.PublicKey // *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey; nil for HMAC
	Secret    []byte           // HMAC: as long as the hash or longer (HS256: 32 bytes); nil otherwise
}

// ErrUnknownKey is returned by a KeySet for an id it does not have.
var ErrUnknownKey = errors.New("unknown key")

// KeySet finds the issuer's keys. Implementations are safe for concurrent use.
type KeySet interface {
	// Key returns the key with this id, or ErrUnknownKey. The id is an
	// attacker's input: it is looked up, never interpreted. Any other error
	// means that the keys cannot be had at the moment. A known id is answered
	// from memory: it is asked for at every verification, also of a token that
	// is remembered, so that a key that was withdrawn takes its tokens along.
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

// StaticKeys is the set of exactly these keys. New refuses it if a key does not
// fit its algorithm, if two have one id, or if it mixes secrets with public keys.
func StaticKeys(keys ...Key) KeySet {
	set := make(staticKeys, len(keys))
	var problem error
	for _, key := range keys {
		if _, taken := set[key.ID]; taken {
			problem = errors.Join(problem, fmt.Errorf("two keys have the id %q", key.ID))
		}
		if err := key.check(); err != nil {
			problem = errors.Join(problem, fmt.Errorf("key %q: %w", key.ID, err))
		}
		set[key.ID] = key
	}
	if err := mixed(keys); err != nil {
		problem = errors.Join(problem, err)
	}
	if problem != nil {
		return badKeys{problem}
	}
	return set
}

// staticKeys are keys by id.
type staticKeys map[string]Key

func (s staticKeys) Key(_ context.Context, id string) (Key, error) {
	key, ok := s[id]
	if !ok {
		return Key{}, ErrUnknownKey
	}
	return key, nil
}

// badKeys stands for keys that must not be used. New asks for the reason.
type badKeys struct{ reason error }

func (b badKeys) Key(context.Context, string) (Key, error) { return Key{}, b.reason }

// mixed refuses secrets beside public keys: with both in one set, a mistake in
// one line lets a public key verify as a secret (RFC 8725 section 2.1).
func mixed(keys []Key) error {
	var secret, public bool
	for _, key := range keys {
		if key.symmetric() {
			secret = true
		} else {
			public = true
		}
	}
	if secret && public {
		return errors.New("secrets and public keys in one set: use one or the other")
	}
	return nil
}

func (k Key) symmetric() bool {
	return k.Algorithm == HS256 || k.Algorithm == HS384 || k.Algorithm == HS512
}

// check reports why the key must not be used with its algorithm, or nil. It is
// cheap enough to be asked at every signature.
func (k Key) check() error {
	m, ok := methodOf(k.Algorithm)
	if !ok {
		return fmt.Errorf("%w: %q is not verified here", ErrAlgorithm, string(k.Algorithm))
	}
	if m.family == familyHMAC {
		if k.Public != nil {
			return fmt.Errorf("%w: a public key with %s", ErrAlgorithm, k.Algorithm)
		}
		if len(k.Secret) < m.hash.Size() {
			return fmt.Errorf("%w: %s needs a secret of %d bytes or more", ErrAlgorithm, k.Algorithm, m.hash.Size())
		}
		return nil
	}
	if k.Secret != nil {
		return fmt.Errorf("%w: a secret with %s", ErrAlgorithm, k.Algorithm)
	}
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		if m.family == familyECDSA && public != nil && public.Curve == m.curve() {
			return nil
		}
	case ed25519.PublicKey:
		if m.family == familyEd25519 && len(public) == ed25519.PublicKeySize {
			return nil
		}
	case *rsa.PublicKey:
		if m.family != familyPKCS1 && m.family != familyPSS || public == nil || public.N == nil {
			break
		}
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("%w: an RSA key of %d bits; %d to %d are verified", ErrAlgorithm, bits, minRSABits, maxRSABits)
		}
		if public.E < 65537 || public.E%2 == 0 {
			return fmt.Errorf("%w: an RSA key with the exponent %d; use 65537", ErrAlgorithm, public.E)
		}
		return nil
	}
	return fmt.Errorf("%w: the key's type does not fit %s", ErrAlgorithm, k.Algorithm)
}

// family is a way of signing, without its hash.
type family uint8

const (
	familyECDSA family = iota + 1
	familyEd25519
	familyPKCS1
	familyPSS
	familyHMAC
)

// method is what an algorithm's name stands for.
type method struct {
	family family
	hash   crypto.Hash // zero for Ed25519
	size   int         // bytes of r and of s; zero unless ECDSA
}

func methodOf(a Algorithm) (method, bool) {
	switch a {
	case ES256:
		return method{familyECDSA, crypto.SHA256, 32}, true
	case ES384:
		return method{familyECDSA, crypto.SHA384, 48}, true
	case ES512:
		return method{familyECDSA, crypto.SHA512, 66}, true
	case Ed25519, EdDSA:
		return method{family: familyEd25519}, true
	case RS256:
		return method{familyPKCS1, crypto.SHA256, 0}, true
	case RS384:
		return method{familyPKCS1, crypto.SHA384, 0}, true
	case RS512:
		return method{familyPKCS1, crypto.SHA512, 0}, true
	case PS256:
		return method{familyPSS, crypto.SHA256, 0}, true
	case PS384:
		return method{familyPSS, crypto.SHA384, 0}, true
	case PS512:
		return method{familyPSS, crypto.SHA512, 0}, true
	case HS256:
		return method{familyHMAC, crypto.SHA256, 0}, true
	case HS384:
		return method{familyHMAC, crypto.SHA384, 0}, true
	case HS512:
		return method{familyHMAC, crypto.SHA512, 0}, true
	}
	return method{}, false
}

// curve is the one curve of an ECDSA method.
func (m method) curve() elliptic.Curve {
	switch m.size {
	case 32:
		return elliptic.P256()
	case 48:
		return elliptic.P384()
	}
	return elliptic.P521()
}
