// Package secret keeps the master secret: the one thing that an installation
// has to guard, and to back up apart from its database. Every other key that
// must survive a restart is derived from it or sealed under it.
//
//	              ┌─ Derive(purpose) ─► a key for one purpose, e.g. of refresh tokens
//	master secret ┤
//	              └─ Seal(purpose, id, plain) ─► an envelope for the database
//	                 Open(purpose, id, envelope) ─► plain
//
// It owns how the secret is made, read, judged and kept in a file, and it keeps
// the secret from being printed. It does not know what is derived or sealed.
//
// A master secret is replaced in two steps: first every node gets the new one as
// an old one, so that all can open what it will seal; then it becomes the
// current one everywhere.
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// Size is the least number of bytes of a master secret: 256 bits.
const Size = 32

// ErrSealed is returned by Open for what another master secret sealed.
var ErrSealed = errors.New("sealed under another master secret")

// ErrDamaged is returned by Open for an envelope that was changed, or that was
// sealed for another purpose or id.
var ErrDamaged = errors.New("not what was sealed")

// Master is a master secret, with those it replaced. It prints as "[secret]".
// It is safe for concurrent use.
type Master struct {
	keys []masterKey // the current one, then the old ones
}

// masterKey is one secret and its name. The secret itself is within a closure:
// fmt does not ask the type of an unexported field how it wants to be printed,
// it follows pointers if the verb is wrong, but of a function it prints the address.
type masterKey struct {
	id     [8]byte                     // a fingerprint, not secret
	derive func(purpose string) []byte // HKDF with SHA-256 (RFC 5869), 32 bytes
}

// New takes the current secret, which derives and seals, and the old ones, which
// only open: 32 bytes or more each, as Parse returns them.
func New(current []byte, old ...[]byte) (*Master, error) {
	m := &Master{}
	for i, material := range append([][]byte{current}, old...) {
		if len(material) < Size {
			return nil, fmt.Errorf("master secret %d of %d has %d bytes, needs %d", i+1, len(old)+1, len(material), Size)
		}
		derive := deriver(material)
		m.keys = append(m.keys, masterKey{[8]byte(derive("watchword/master/1")), derive})
	}
	return m, nil
}

// ID names the current secret, in log lines and messages, without telling it.
func (m *Master) ID() string { return hex.EncodeToString(m.keys[0].id[:]) }

// Derive returns the key of 32 bytes that the current secret gives for a
// purpose: HKDF with SHA-256 (RFC 5869). It is the same for ever.
func (m *Master) Derive(purpose string) []byte { return m.keys[0].derive(derivePrefix + purpose) }

// DeriveOld returns what Derive returned under each of the old secrets.
func (m *Master) DeriveOld(purpose string) [][]byte {
	var keys [][]byte
	for _, k := range m.keys[1:] {
		keys = append(keys, k.derive(derivePrefix+purpose))
	}
	return keys
}

// What is derived and what seals never share a key, whatever their purposes.
const (
	derivePrefix = "watchword/derive/1/"
	sealPrefix   = "watchword/seal/1/"
)

// deriver hides a copy of the material in a function.
func deriver(material []byte) func(purpose string) []byte {
	material = bytes.Clone(material)
	return func(purpose string) []byte {
		key, err := hkdf.Key(sha256.New, material, nil, purpose, 32)
		if err != nil {
			panic(fmt.Sprintf("secret: %v", err)) // only for lengths over 8,160 bytes
		}
		return key
	}
}

// aead is AES-256 in Galois counter mode under the key for a purpose. It draws
// its nonces itself: a nonce that repeats would give the key away, so this is no
// place for a repeatable source.
func (k masterKey) aead(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(k.derive(sealPrefix + purpose))
	if err != nil {
		panic(fmt.Sprintf("secret: %v", err)) // only for a key of another length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("secret: %v", err)) // only for another cipher
	}
	return aead
}

// An envelope begins with its version and the fingerprint of the secret that
// sealed it; nonce, ciphertext and tag follow.
const (
	envelopeVersion = 1
	headerSize      = 1 + 8
	minEnvelope     = headerSize + 12 + 16
)

// Seal encrypts plain under the current secret for a purpose ("signing key") and
// an id within it. The id is not in the envelope: whoever opens it must name it,
// so that envelopes cannot be exchanged in the database.
func (m *Master) Seal(purpose, id string, plain []byte) []byte {
	k := m.keys[0]
	envelope := append([]byte{envelopeVersion}, k.id[:]...)
	return k.aead(purpose).Seal(envelope, nil, plain, associated(envelope, id))
}

// Open decrypts what Seal made for the same purpose and id, under the current
// secret or an old one. It fails with ErrSealed or ErrDamaged.
func (m *Master) Open(purpose, id string, envelope []byte) ([]byte, error) {
	if len(envelope) < minEnvelope || envelope[0] != envelopeVersion {
		return nil, ErrDamaged
	}
	header, sealed := envelope[:headerSize], envelope[headerSize:]
	for _, k := range m.keys {
		if k.id != [8]byte(header[1:]) {
			continue
		}
		plain, err := k.aead(purpose).Open(nil, nil, sealed, associated(header, id))
		if err != nil {
			return nil, ErrDamaged
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: %x, and the current one is %s", ErrSealed, header[1:], m.ID())
}

// associated is what is authenticated beside the plain text: the header, whose
// length is fixed, and the id.
func associated(header []byte, id string) []byte {
	return append(append(make([]byte, 0, headerSize+len(id)), header...), id...)
}

// hidden is what a Master prints as.
const hidden = "[secret]"

// Format implements fmt.Formatter: every verb prints "[secret]".
func (m Master) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue implements slog.LogValuer.
func (m Master) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (m Master) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Bytes is a secret that is kept as it was given, such as one that is shared with
// other programs. It prints as "[secret]" wherever its type is known: in a value
// of its own, in an exported field, in a log, in JSON.
type Bytes []byte

// Format implements fmt.Formatter: every verb prints "[secret]".
func (Bytes) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue implements slog.LogValuer.
func (Bytes) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (Bytes) MarshalText() ([]byte, error) { return []byte(hidden), nil }
