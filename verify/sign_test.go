package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// The issuer and the audience of the tests.
const (
	issuer   = "https://auth.example.com"
	audience = "https://api.example.com"
)

// noon is when most tests play.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// at is a clock that stands still.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// claims are those of a good token at noon, changed by the given ones; nil
// removes a claim.
func claims(changed map[string]any) map[string]any {
	good := map[string]any{
		"iss": issuer, "sub": "019aa3c1-0000-7000-8000-000000000001", "aud": audience,
		"client_id": "web", "iat": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix(),
		"jti": "token-1", "sid": "0123456789abcdef0123456789abcdef", "auth_time": noon.Unix(),
		"roles": []string{"user"}, "epoch": 3, "preferred_username": "ada", "email": "ada@example.com",
	}
	maps.Copy(good, changed)
	maps.DeleteFunc(good, func(_ string, value any) bool { return value == nil })
	return good
}

func encode(t testing.TB, value any) string {
	t.Helper()
	if text, ok := value.(string); ok {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// signer holds a private key and what verifies its signatures.
type signer struct {
	key     verify.Key
	private crypto.Signer // nil for HMAC
}

// signers makes one signer for each algorithm, once.
var signers = sync.OnceValue(func() map[verify.Algorithm]signer {
	made := map[verify.Algorithm]signer{}
	add := func(a verify.Algorithm, private crypto.Signer, secret []byte) {
		s := signer{verify.Key{ID: string(a), Algorithm: a, Secret: secret}, private}
		if private != nil {
			s.key.Public = private.Public()
		}
		made[a] = s
	}
	must := func(private crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return private
	}
	for a, curve := range map[verify.Algorithm]elliptic.Curve{verify.ES256: elliptic.P256(), verify.ES384: elliptic.P384(), verify.ES512: elliptic.P521()} {
		add(a, must(ecdsa.GenerateKey(curve, rand.Reader)), nil)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	add(verify.Ed25519, must(edwards, err), nil)
	add(verify.EdDSA, edwards, nil)
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	for _, a := range []verify.Algorithm{verify.RS256, verify.RS384, verify.RS512, verify.PS256, verify.PS384, verify.PS512} {
		add(a, rsaKey, nil)
	}
	for a, size := range map[verify.Algorithm]int{verify.HS256: 32, verify.HS384: 48, verify.HS512: 64} {
		secret := make([]byte, size)
		rand.Read(secret)
		add(a, nil, secret)
	}
	return made
})

// sign makes the compact JWS of a header and a payload: text as it is, anything
// else as JSON.
func (s signer) sign(t testing.TB, header, payload any) string {
	t.Helper()
	input := encode(t, header) + "." + encode(t, payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(s.signature(t, []byte(input)))
}

// token makes an access token with the usual header.
func (s signer) token(t testing.TB, payload any) string {
	t.Helper()
	return s.sign(t, map[string]any{"alg": s.key.Algorithm, "kid": s.key.ID, "typ": "at+jwt"}, payload)
}

func (s signer) signature(t testing.TB, input []byte) []byte {
	t.Helper()
	hashes := map[byte]crypto.Hash{'2': crypto.SHA256, '3': crypto.SHA384, '5': crypto.SHA512}
	a := s.key.Algorithm
	if a == verify.Ed25519 || a == verify.EdDSA {
		return ed25519.Sign(s.private.(ed25519.PrivateKey), input)
	}
	h := hashes[a[2]]
	if s.private == nil {
		mac := hmac.New(func() hash.Hash { return h.New() }, s.key.Secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
	state := h.New()
	state.Write(input)
	digest := state.Sum(nil)
	switch a[0] {
	case 'E':
		private := s.private.(*ecdsa.PrivateKey)
		r, v, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			t.Fatal(err)
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), v.FillBytes(make([]byte, size))...)
	case 'R':
		signature, err := s.private.Sign(rand.Reader, digest, h)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	case 'P':
		signature, err := s.private.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h})
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	panic(fmt.Sprintf("no algorithm %s", a))
}

// verifier makes one for the key of s, at noon.
func (s signer) verifier(t testing.TB, options ...verify.Option) *verify.Verifier {
	t.Helper()
	options = append([]verify.Option{verify.WithKeys(verify.StaticKeys(s.key)), verify.WithNow(at(noon))}, options...)
	v, err := verify.New(t.Context(), issuer, audience, options...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func jsonText(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
