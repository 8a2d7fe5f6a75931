package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"
)

// TokenPrefix begins every refresh token, so that secret scanners and log
// filters find one that leaked.
const TokenPrefix = "wwr_"

// MaxGeneration is the last generation that a token can name and still be
// replaced: 4,294,967,294. At one rotation every 30 seconds that is 4,000 years.
const MaxGeneration = math.MaxUint32 - 1

// tokenLength: four of prefix, 56 of base64url.
const (
	tokenLength = len(TokenPrefix) + 56
	macLength   = 16
	tokenBytes  = 42
)

// ErrToken is returned for what is not a refresh token of ours for this client
// and delivery. It says no more: what is wrong would help only a forger.
var ErrToken = errors.New("not a refresh token")

// Token is the content of a refresh token. It carries the handle, the session's
// secret, so it prints as the session's id and never as itself.
type Token struct {
	handle     [16]byte
	Generation uint32
	IssuedAt   time.Time // to the second
}

// SessionID is the id of the session the token prolongs: a digest of its handle.
func (t Token) SessionID() ID {
	h := sha256.New()
	io.WriteString(h, "watchword/session/1")
	h.Write(t.handle[:])
	return ID(h.Sum(nil)[:16])
}

// LogValue implements slog.LogValuer: the session and the generation, no secret.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("session", t.SessionID().String()), slog.Uint64("generation", uint64(t.Generation)))
}

// String is what %v prints: as LogValue, no secret.
func (t Token) String() string {
	return fmt.Sprintf("refresh token (session %s, generation %d)", t.SessionID(), t.Generation)
}

// GoString is what %#v prints: as String.
func (t Token) GoString() string { return t.String() }

// successor is the token of another generation of the same session.
func (t Token) successor(generation uint64, issuedAt time.Time) Token {
	return Token{handle: t.handle, Generation: uint32(generation), IssuedAt: issuedAt.Truncate(time.Second).UTC()}
}

// newToken is the first token of a new session.
func newToken(random io.Reader, now time.Time) (Token, error) {
	t := Token{Generation: 1, IssuedAt: now.Truncate(time.Second).UTC()}
	if _, err := io.ReadFull(random, t.handle[:]); err != nil {
		return Token{}, fmt.Errorf("draw a handle: %w", err)
	}
	return t, nil
}

// TokenKey is a key of refresh tokens: a secret of 32 bytes or more, and the number
// by which tokens name it. Two keys may have one number.
type TokenKey struct {
	ID     byte
	Secret []byte
}

// TokenKeys authenticate refresh tokens. The current one seals; every one opens,
// so that a key can be replaced without signing anybody out.
type TokenKeys struct {
	id      byte // of the one that seals
	sealing *sync.Pool
	opening map[byte][]*sync.Pool // of hash.Hash: HMAC-SHA256 with the key, at its beginning
}

// NewTokenKeys takes the key that seals, and others that still open.
func NewTokenKeys(current TokenKey, others ...TokenKey) (*TokenKeys, error) {
	k := &TokenKeys{id: current.ID, opening: make(map[byte][]*sync.Pool, 1+len(others))}
	for _, key := range append([]TokenKey{current}, others...) {
		if len(key.Secret) < 32 {
			return nil, fmt.Errorf("refresh token key %d has %d bytes, needs 32", key.ID, len(key.Secret))
		}
		own := slices.Clone(key.Secret)
		k.opening[key.ID] = append(k.opening[key.ID], &sync.Pool{New: func() any { return hmac.New(sha256.New, own) }})
	}
	k.sealing = k.opening[current.ID][0]
	return k, nil
}

const tokenVersion = 1

// Seal writes the token as text for a client and a delivery:
//
//	wwr_ base64url( version:1 | key id:1 | handle:16 | generation:4 | issued at:4 | mac:16 )
//
// mac covers all fields before it, and the client and delivery, which are not in
// the token: presenting it as another client, or the other way, breaks it.
func (k *TokenKeys) Seal(t Token, clientID string, d Delivery) string {
	var raw [tokenBytes]byte
	raw[0], raw[1] = tokenVersion, k.id
	copy(raw[2:18], t.handle[:])
	binary.BigEndian.PutUint32(raw[18:22], t.Generation)
	binary.BigEndian.PutUint32(raw[22:26], uint32(t.IssuedAt.Unix()))
	mac(raw[26:26:42], raw[:26], k.sealing, clientID, d)
	text := make([]byte, tokenLength)
	copy(text, TokenPrefix)
	base64.RawURLEncoding.Encode(text[len(TokenPrefix):], raw[:])
	return string(text)
}

// Open reads a token that a client presented by a delivery, or fails with
// ErrToken. It needs no database. Exactly one text opens as a given token.
func (k *TokenKeys) Open(text, clientID string, d Delivery) (Token, error) {
	raw, err := decode(text)
	if err != nil {
		return Token{}, err
	}
	var want [sha256.Size]byte
	for _, key := range k.opening[raw[1]] {
		if hmac.Equal(raw[26:], mac(want[:0], raw[:26], key, clientID, d)) {
			return parse(raw)
		}
	}
	return Token{}, ErrToken
}

// Peek reads what a refresh token says, and the id of the key that is to have
// sealed it, without checking that it did: for people who look at one, never to
// let anybody in. It fails with ErrToken.
func Peek(text string) (t Token, keyID byte, err error) {
	raw, err := decode(text)
	if err != nil {
		return Token{}, 0, err
	}
	t, err = parse(raw)
	return t, raw[1], err
}

// decode undoes the text of a token.
func decode(text string) (raw [tokenBytes]byte, err error) {
	if len(text) != tokenLength || text[:len(TokenPrefix)] != TokenPrefix {
		return raw, ErrToken
	}
	// base64 skips CR and LF even when strict; 56 characters with one of them
	// decode to fewer than 42 bytes.
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(text[len(TokenPrefix):]))
	if err != nil || n != tokenBytes || raw[0] != tokenVersion {
		return raw, ErrToken
	}
	return raw, nil
}

// parse reads the fields of a decoded token.
func parse(raw [tokenBytes]byte) (Token, error) {
	t := Token{
		handle:     [16]byte(raw[2:18]),
		Generation: binary.BigEndian.Uint32(raw[18:22]),
		IssuedAt:   time.Unix(int64(binary.BigEndian.Uint32(raw[22:26])), 0).UTC(),
	}
	if t.Generation == 0 || t.Generation > MaxGeneration {
		return Token{}, ErrToken
	}
	return t, nil
}

// mac appends to dst the 16 bytes that authenticate fields for a client and a delivery.
func mac(dst, fields []byte, key *sync.Pool, clientID string, d Delivery) []byte {
	var space [64]byte
	audience := sha256.Sum256(append(append(space[:0], clientID...), 0, byte(d))) // a client id holds no NUL
	h := key.Get().(hash.Hash)
	defer key.Put(h)
	h.Reset()
	io.WriteString(h, "watchword/refresh/1")
	h.Write(fields)
	h.Write(audience[:])
	var sum [sha256.Size]byte
	return append(dst, h.Sum(sum[:0])[:macLength]...)
}
