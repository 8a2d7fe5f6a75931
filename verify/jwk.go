package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// maxKeys bounds the keys of a set.
const maxKeys = 128

// ParseKeys reads a JWK Set (RFC 7517 section 5) strictly and returns the keys
// that verify signatures; there is at least one.
//
// As the RFC asks, keys of other kinds and for other purposes are passed over,
// and so are keys that must not be trusted: RSA below 2048 bits, with a small
// exponent or with the mark of CVE-2017-15361 (ROCA), points off their curve, an
// algorithm that does not fit the key, secrets shorter than their hash, and
// public keys that come with their private part. The whole set is refused if two
// of its keys have one id or if it mixes secrets with public keys.
func ParseKeys(jwks []byte) ([]Key, error) {
	keys, skipped, err := parseKeys(string(jwks))
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.Join(append([]error{errNoKeys}, skipped...)...)
	}
	return keys, nil
}

var errNoKeys = errors.New("the key set has no key that verifies signatures")

// parseKeys reads a set; skipped says why keys were passed over.
func parseKeys(text string) (keys []Key, skipped []error, err error) {
	r := reader{text: text}
	var found, twice bool
	var count int
	ids := map[string]bool{}
	r.object(func(name string) {
		if name != "keys" {
			r.refuse(name, []string{"keys"})
			return
		}
		found = true
		r.array(func() {
			if count++; count > maxKeys {
				r.fail()
				return
			}
			var w webKey
			w.read(&r)
			if r.failed {
				return
			}
			// A key that cannot be read still takes its id: which of the two did the
			// issuer mean?
			if w.use == "" || w.use == "sig" {
				twice = twice || ids[w.id]
				ids[w.id] = w.id != ""
			}
			key, err := w.key()
			if err != nil {
				skipped = append(skipped, fmt.Errorf("key %.64q: %w", w.id, err))
				return
			}
			keys = append(keys, key)
		})
	})
	r.end()
	if r.failed || !found {
		return nil, nil, fmt.Errorf("not a JWK Set in strict JSON with at most %d keys", maxKeys)
	}
	if twice || unnamed(keys) > 1 {
		return nil, nil, errors.New("two keys of the set have the same id, or none")
	}
	if err := mixed(keys); err != nil {
		return nil, nil, err
	}
	return keys, skipped, nil
}

// unnamed counts the keys without id.
func unnamed(keys []Key) int {
	n := 0
	for _, key := range keys {
		if key.ID == "" {
			n++
		}
	}
	return n
}

// webKey is a JWK as it is written.
type webKey struct {
	kty, use, alg, id, crv string
	ops                    []string
	hasOps, private        bool
	x, y, n, e, k          string
}

// webKeyNames are the members that are read. Those after k are private.
var webKeyNames = []string{
	"kty", "use", "key_ops", "alg", "kid", "crv", "x", "y", "n", "e", "k",
	"d", "p", "q", "dp", "dq", "qi", "oth",
}

// read reads one element of the array "keys".
func (w *webKey) read(r *reader) {
	r.object(func(name string) {
		switch name {
		case "kty":
			w.kty = r.string()
		case "use":
			w.use = r.string()
		case "key_ops":
			w.ops, w.hasOps = r.strings(nil), true
		case "alg":
			w.alg = r.string()
		case "kid":
			w.id = r.string()
		case "crv":
			w.crv = r.string()
		case "x":
			w.x = r.string()
		case "y":
			w.y = r.string()
		case "n":
			w.n = r.string()
		case "e":
			w.e = r.string()
		case "k":
			w.k = r.string()
		case "d", "p", "q", "dp", "dq", "qi", "oth":
			w.private = true
			r.skip()
		default:
			r.refuse(name, webKeyNames)
		}
	})
}

// key makes a Key of it, or says why it must not be one.
func (w *webKey) key() (Key, error) {
	key := Key{ID: w.id, Algorithm: Algorithm(w.alg)}
	switch {
	case w.use != "" && w.use != "sig":
		return Key{}, fmt.Errorf("for the use %.16q", w.use)
	case w.hasOps && !slices.Contains(w.ops, "verify"):
		return Key{}, errors.New("not for the operation verify")
	case w.private:
		return Key{}, errors.New("published with its private part: it is lost, replace it")
	case len(w.id) > maxKeyID || !printable(w.id):
		return Key{}, errors.New("its id is too long or not printable")
	}
	var err error
	switch w.kty {
	case "EC":
		err = w.elliptic(&key)
	case "OKP":
		err = w.edwards(&key)
	case "RSA":
		err = w.rsa(&key)
	case "oct":
		key.Secret, err = base64url.DecodeString(w.k)
	default:
		err = fmt.Errorf("of the type %.16q", w.kty)
	}
	if err == nil {
		err = key.check()
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// elliptic reads a key of RFC 7518 section 6.2. Coordinates are as long as the
// field; the standard library refuses points off the curve.
func (w *webKey) elliptic(key *Key) error {
	var curve elliptic.Curve
	var usual Algorithm
	switch w.crv {
	case "P-256":
		curve, usual = elliptic.P256(), ES256
	case "P-384":
		curve, usual = elliptic.P384(), ES384
	case "P-521":
		curve, usual = elliptic.P521(), ES512
	default:
		return fmt.Errorf("of the curve %.16q", w.crv)
	}
	point := []byte{4}
	for _, coordinate := range []string{w.x, w.y} {
		value, err := base64url.DecodeString(coordinate)
		if err != nil || len(value) != (curve.Params().BitSize+7)/8 {
			return errors.New("with a coordinate that does not fit its curve")
		}
		point = append(point, value...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return fmt.Errorf("not on its curve: %w", err)
	}
	key.Public = public
	if key.Algorithm == "" {
		key.Algorithm = usual
	}
	return nil
}

// edwards reads a key of RFC 8037 section 2. X25519 and Ed448 are passed over.
func (w *webKey) edwards(key *Key) error {
	value, err := base64url.DecodeString(w.x)
	if w.crv != "Ed25519" || err != nil || len(value) != ed25519.PublicKeySize {
		return errors.New("not an Ed25519 key")
	}
	key.Public = ed25519.PublicKey(value)
	if key.Algorithm == "" {
		key.Algorithm = Ed25519
	}
	return nil
}

// rsa reads a key of RFC 7518 section 6.3.
func (w *webKey) rsa(key *Key) error {
	modulus, err := base64url.DecodeString(w.n)
	if err != nil || len(modulus) == 0 || len(modulus) > maxRSABits/8+1 {
		return errors.New("with a modulus that cannot be read")
	}
	exponent, err := base64url.DecodeString(w.e)
	if err != nil || len(exponent) == 0 || len(exponent) > 4 {
		return errors.New("with an exponent that cannot be read")
	}
	n := new(big.Int).SetBytes(modulus)
	if roca(n) {
		return errors.New("made by a broken generator (CVE-2017-15361): replace it")
	}
	e := int64(0)
	for _, digit := range exponent {
		e = e<<8 | int64(digit)
	}
	if e > 1<<31-1 {
		return errors.New("with an exponent that is too large")
	}
	key.Public = crypto.PublicKey(&rsa.PublicKey{N: n, E: int(e)})
	if key.Algorithm == "" {
		key.Algorithm = RS256
	}
	return nil
}

// rocaPrimes are the odd primes to 167. The broken generator makes primes, and
// so moduli, that are powers of 65537 modulo each of them.
var rocaPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
	89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// roca reports whether the modulus bears that mark. An honest one bears it once
// in 2^27 times.
func roca(n *big.Int) bool {
	var rest big.Int
	for _, p := range rocaPrimes {
		residue := rest.Mod(n, big.NewInt(p)).Int64()
		power := int64(1)
		for power = power * 65537 % p; power != residue && power != 1; {
			power = power * 65537 % p
		}
		if power != residue {
			return false
		}
	}
	return true
}
