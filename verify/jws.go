package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // for ES256, RS256, PS256 and HS256
	_ "crypto/sha512" // for the longer ones
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
)

// The bounds of what is looked at.
const (
	maxToken = 16 << 10 // bytes of an access token; browsers and proxies allow less
	maxKeyID = 128      // bytes of a kid
)

// Verify checks the signature of a compact JWS (RFC 7515 section 7.1) with this
// key alone and returns the payload. It is the lower half of Verifier.Verify: it
// says nothing about who issued the payload, for whom, or until when. A header
// without kid fits any key; one with another kid is ErrUnknownKey.
func (k Key) Verify(jws string) (payload []byte, err error) {
	s, err := split(jws)
	if err != nil {
		return nil, err
	}
	h, err := s.parseHeader()
	if err != nil {
		return nil, err
	}
	if h.keyID != "" && h.keyID != k.ID {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, h.keyID)
	}
	if err := s.verify(h, k); err != nil {
		return nil, err
	}
	text, err := s.decodePayload()
	if err != nil {
		return nil, err
	}
	return []byte(text), nil
}

// segments are the three parts of a compact JWS, still encoded.
type segments struct {
	header, payload, signature string
	signed                     string // header, dot and payload: what the signature covers
}

// split takes a compact JWS apart. The JSON serializations, the five parts of an
// encrypted token and anything with white space fail here or at decoding.
func split(jws string) (segments, error) {
	first, last := strings.IndexByte(jws, '.'), strings.LastIndexByte(jws, '.')
	if first <= 0 || first == last || strings.IndexByte(jws[first+1:last], '.') >= 0 {
		return segments{}, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	// The decoder refuses every byte outside of its alphabet but these two.
	if strings.IndexByte(jws, '\n') >= 0 || strings.IndexByte(jws, '\r') >= 0 {
		return segments{}, fmt.Errorf("%w: a line break", ErrMalformed)
	}
	return segments{jws[:first], jws[first+1 : last], jws[last+1:], jws[:last]}, nil
}

// base64url is unpadded and has one spelling for each value: surplus bits are zero.
var base64url = base64.RawURLEncoding.Strict()

// header is what counts of a JOSE header. Members that would bring a key along
// (jwk, jku, x5c, x5u) are never looked at: keys come from the KeySet alone.
type header struct {
	algorithm Algorithm
	keyID     string
	typ       string
}

// headerNames are the header parameters that are read or refused.
var headerNames = []string{"alg", "kid", "typ", "crit", "b64", "zip", "enc"}

// parseHeader decodes the header.
func (s segments) parseHeader() (header, error) {
	text, err := base64url.DecodeString(s.header)
	if err != nil {
		return header{}, fmt.Errorf("%w: the header is not base64url", ErrMalformed)
	}
	var h header
	var refused string
	r := reader{text: string(text)}
	r.object(func(name string) {
		switch name {
		case "alg":
			h.algorithm = Algorithm(r.string())
		case "kid":
			h.keyID = r.string()
		case "typ":
			h.typ = r.string()
		case "crit", "b64", "zip", "enc":
			// Extensions that must be understood (RFC 7515 section 4.1.11), unencoded
			// payloads (RFC 7797) and what only encrypted tokens have: none of it is.
			refused = name
			r.skip()
		default:
			r.refuse(name, headerNames)
		}
	})
	r.end()
	switch {
	case r.failed:
		return header{}, fmt.Errorf("%w: the header is not strict JSON", ErrMalformed)
	case refused != "":
		return header{}, fmt.Errorf("%w: header parameter %s", ErrMalformed, refused)
	case h.algorithm == "":
		return header{}, fmt.Errorf("%w: no algorithm", ErrMalformed)
	case len(h.keyID) > maxKeyID || !printable(h.keyID):
		return header{}, fmt.Errorf("%w: the key id is too long or not printable", ErrMalformed)
	}
	return h, nil
}

// printable reports whether the text is of visible ASCII characters.
func printable(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// accessToken reports whether the type is that of an access token: RFC 9068
// section 4, compared as RFC 7515 section 4.1.9 says.
func (h header) accessToken() bool { return h.is("at+jwt") }

// is compares a media type, which may leave out "application/".
func (h header) is(want string) bool {
	typ := h.typ
	if rest := len(typ) - len(want); rest > 0 && strings.EqualFold(typ[:rest], "application/") {
		typ = typ[rest:]
	}
	return typ == want || strings.EqualFold(typ, want)
}

// verify checks the signature with the key, whose algorithm is the only one.
func (s segments) verify(h header, k Key) error {
	if h.algorithm != k.Algorithm {
		return fmt.Errorf("%w: key %q is for %s", ErrAlgorithm, k.ID, k.Algorithm)
	}
	if err := k.check(); err != nil {
		return err
	}
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	if base64url.DecodedLen(len(s.signature)) > len(w.signature) {
		return ErrSignature
	}
	n, err := base64url.Decode(w.signature[:], []byte(s.signature))
	if err != nil {
		return fmt.Errorf("%w: the signature is not base64url", ErrMalformed)
	}
	m, _ := methodOf(k.Algorithm)
	w.text = append(w.text[:0], s.signed...)
	if !m.verify(k, w.text, w.signature[:n]) {
		return ErrSignature
	}
	return nil
}

// decodePayload returns the payload.
func (s segments) decodePayload() (string, error) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	payload, err := base64url.AppendDecode(w.text[:0], []byte(s.payload))
	if err != nil {
		return "", fmt.Errorf("%w: the payload is not base64url", ErrMalformed)
	}
	w.text = payload
	return string(payload), nil
}

// workspace spares allocations. What it holds is of a token that was presented:
// no secret that outlives it matters here.
type workspace struct {
	signature [maxRSABits / 8]byte
	text      []byte
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// verify reports whether the signature is the key's for the message. The key
// passed its check.
func (m method) verify(k Key, message, signature []byte) bool {
	if m.family == familyHMAC {
		mac := hmac.New(m.hash.New, k.Secret)
		mac.Write(message)
		var sum [64]byte
		return hmac.Equal(mac.Sum(sum[:0]), signature)
	}
	if m.family == familyEd25519 {
		return ed25519.Verify(k.Public.(ed25519.PublicKey), message, signature)
	}
	var space [64]byte
	hash := m.hash.New()
	hash.Write(message)
	digest := hash.Sum(space[:0])
	switch m.family {
	case familyECDSA:
		if len(signature) != 2*m.size {
			return false
		}
		var der [2*(66+3) + 4]byte
		return ecdsa.VerifyASN1(k.Public.(*ecdsa.PublicKey), digest, appendASN1(der[:0], signature[:m.size], signature[m.size:]))
	case familyPKCS1:
		return rsa.VerifyPKCS1v15(k.Public.(*rsa.PublicKey), m.hash, digest, signature) == nil
	case familyPSS:
		// RFC 7518 section 3.5: the salt is as long as the hash.
		return rsa.VerifyPSS(k.Public.(*rsa.PublicKey), m.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.Hash(0)}) == nil
	}
	return false
}

// appendASN1 writes an ECDSA signature as crypto/ecdsa reads it: a DER sequence
// of two integers. Zeros stay zeros; the standard library refuses them.
func appendASN1(into, r, s []byte) []byte {
	r, s = trim(r), trim(s)
	size := integerSize(r) + integerSize(s)
	into = append(into, 0x30)
	if size >= 0x80 {
		into = append(into, 0x81)
	}
	into = append(into, byte(size))
	return appendInteger(appendInteger(into, r), s)
}

// trim drops leading zeros, but for the last.
func trim(n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	return n
}

// integerSize is how many bytes appendInteger writes.
func integerSize(n []byte) int {
	if n[0] >= 0x80 {
		return len(n) + 3
	}
	return len(n) + 2
}

func appendInteger(into, n []byte) []byte {
	into = append(into, 0x02, byte(integerSize(n)-2))
	if n[0] >= 0x80 {
		into = append(into, 0)
	}
	return append(into, n...)
}
