package verify_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/verify"
)

// Parts of good keys, to be spoilt.
const (
	ecX      = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
	ecY      = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
	edX      = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	secret32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	good     = `{"kty":"EC","crv":"P-256","x":"` + ecX + `","y":"` + ecY + `","kid":"good"}`
	goodOct  = `{"kty":"oct","alg":"HS256","k":"` + secret32 + `","kid":"good"}`
)

func TestAKeySetYieldsTheKeysThatVerify(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	modulus := private.N.Bytes()
	n := base64.RawURLEncoding.EncodeToString(modulus)
	big8193 := base64.RawURLEncoding.EncodeToString(new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 8192), 0, 1).Bytes())
	big8192 := base64.RawURLEncoding.EncodeToString(new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 8191), 0, 1).Bytes())
	ec := func(more string) string {
		return `{"kty":"EC","crv":"P-256","x":"` + ecX + `","y":"` + ecY + `"` + more + `}`
	}
	okp := func(more string) string { return `{"kty":"OKP","crv":"Ed25519","x":"` + edX + `"` + more + `}` }
	rsaKey := func(n, e, more string) string { return `{"kty":"RSA","n":"` + n + `","e":"` + e + `"` + more + `}` }
	tests := []struct {
		name, key string
		want      verify.Algorithm // "" if it is passed over
	}{
		{"EC without alg", ec(""), verify.ES256},
		{"EC with all that fits", ec(`,"use":"sig","key_ops":["verify"],"alg":"ES256","x5c":["MIIB"],"ext":true`), verify.ES256},
		{"OKP without alg", okp(""), verify.Ed25519},
		{"OKP as EdDSA", okp(`,"alg":"EdDSA"`), verify.EdDSA},
		{"OKP as Ed25519", okp(`,"alg":"Ed25519"`), verify.Ed25519},
		{"RSA without alg", rsaKey(n, "AQAB", ""), verify.RS256},
		{"RSA for PSS", rsaKey(n, "AQAB", `,"alg":"PS512"`), verify.PS512},
		{"RSA with a leading zero, as Java writes it", rsaKey(base64.RawURLEncoding.EncodeToString(append([]byte{0}, modulus...)), "AQAB", ""), verify.RS256},
		{"RSA of 8192 bits", rsaKey(big8192, "AQAB", ""), verify.RS256},

		{"for encryption", ec(`,"use":"enc"`), ""},
		{"for other operations", ec(`,"key_ops":["sign","deriveKey"]`), ""},
		{"for no operation", ec(`,"key_ops":[]`), ""},
		{"EC with another algorithm", ec(`,"alg":"ES384"`), ""},
		{"EC with a secret's algorithm", ec(`,"alg":"HS256"`), ""},
		{"EC for key agreement", ec(`,"alg":"ECDH-ES"`), ""},
		{"EC with its private part", ec(`,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`), ""},
		{"EC of another curve", `{"kty":"EC","crv":"secp256k1","x":"` + ecX + `","y":"` + ecY + `"}`, ""},
		{"EC with the wrong curve", `{"kty":"EC","crv":"P-384","x":"` + ecX + `","y":"` + ecY + `"}`, ""},
		{"EC off its curve", `{"kty":"EC","crv":"P-256","x":"` + ecY + `","y":"` + ecX + `"}`, ""},
		{"EC at infinity", `{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`, ""},
		{"EC with a short coordinate", `{"kty":"EC","crv":"P-256","x":"` + ecX[:40] + `","y":"` + ecY + `"}`, ""},
		{"EC with a padded coordinate", `{"kty":"EC","crv":"P-256","x":"` + ecX + `=","y":"` + ecY + `"}`, ""},
		{"EC without y", `{"kty":"EC","crv":"P-256","x":"` + ecX + `"}`, ""},
		{"EC that says RSA", `{"kty":"RSA","crv":"P-256","x":"` + ecX + `","y":"` + ecY + `"}`, ""},
		{"X25519", `{"kty":"OKP","crv":"X25519","x":"` + edX + `"}`, ""},
		{"OKP too short", `{"kty":"OKP","crv":"Ed25519","x":"` + edX[:42] + `"}`, ""},
		{"RSA of 1024 bits", rsaKey(n[:171]+"Q", "AQAB", ""), ""},
		{"RSA of 8193 bits", rsaKey(big8193, "AQAB", ""), ""},
		{"RSA with the exponent 1", rsaKey(n, "AQ", ""), ""},
		{"RSA with the exponent 3", rsaKey(n, "Aw", ""), ""},
		{"RSA with an even exponent", rsaKey(n, "AQAC", ""), ""},
		{"RSA with a huge exponent", rsaKey(n, "_____w", ""), ""},
		{"RSA with a longer exponent", rsaKey(n, "AAAAAAEAAQ", ""), ""},
		{"RSA without exponent", rsaKey(n, "", ""), ""},
		{"RSA for encryption", rsaKey(n, "AQAB", `,"alg":"RSA-OAEP-256"`), ""},
		{"RSA with its private part", rsaKey(n, "AQAB", `,"p":"AQAB"`), ""},
		{"AKP, which is not known", `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`, ""},
		{"no type", `{"kid":"x"}`, ""},
		{"an id that cannot be in a header", ec(`,"kid":"a b"`), ""},
		{"an id that is too long", ec(`,"kid":"` + strings.Repeat("k", 129) + `"`), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keys, err := verify.ParseKeys([]byte(`{"keys":[` + test.key + `,` + good + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			got := verify.Algorithm("")
			if len(keys) == 2 {
				got = keys[0].Algorithm
			}
			if got != test.want {
				t.Errorf("read as %q, want %q", got, test.want)
			}
			if _, err := verify.ParseKeys([]byte(`{"keys":[` + test.key + `]}`)); (err == nil) != (test.want != "") {
				t.Errorf("alone: %v", err)
			}
		})
	}
}

func TestSecretsAreReadFromAFile(t *testing.T) {
	t.Parallel()
	keys, err := verify.ParseKeys([]byte(`{"keys":[` + goodOct + `,{"kty":"oct","alg":"HS512","k":"` + secret32 + `","kid":"short"},{"kty":"oct","k":"` + secret32 + `","kid":"for what?"},{"kty":"oct","alg":"A256GCM","k":"` + secret32 + `","kid":"aes"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Key{ID: "good", Algorithm: verify.HS256, Secret: make([]byte, 32)}
	for i := range want.Secret {
		want.Secret[i] = byte(i)
	}
	if diff := cmp.Diff([]verify.Key{want}, keys); diff != "" {
		t.Error(diff)
	}
}

func TestAKeySetThatCannotBeTrustedIsRefusedWhole(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ jwks, says string }{
		"two keys of one id":       {`{"keys":[` + good + `,` + strings.Replace(good, `"P-256"`, `"P-256","alg":"ES256"`, 1) + `]}`, "two keys"},
		"two keys without id":      {`{"keys":[` + strings.Replace(good, `,"kid":"good"`, "", 2) + `,` + strings.Replace(good, `,"kid":"good"`, "", 2) + `]}`, "two keys"},
		"a secret beside a key":    {`{"keys":[` + good + `,` + strings.Replace(goodOct, "good", "secret", 1) + `]}`, "in one set"},
		"two lists":                {`{"keys":[` + good + `],"keys":[]}`, "strict JSON"},
		"two lists, but for case":  {`{"keys":[` + good + `],"KEYS":[]}`, "strict JSON"},
		"a member of a key twice":  {`{"keys":[` + strings.Replace(good, `"kid"`, `"alg":"ES256","alg":"none","kid"`, 1) + `]}`, "strict JSON"},
		"a member but for case":    {`{"keys":[` + strings.Replace(good, `"kid"`, `"Alg":"ES256","kid"`, 1) + `]}`, "strict JSON"},
		"a member of another type": {`{"keys":[` + strings.Replace(good, `"good"`, `1`, 1) + `]}`, "strict JSON"},
		"no list":                  {`{}`, "strict JSON"},
		"a list that is none":      {`{"keys":{}}`, "strict JSON"},
		"a key that is none":       {`{"keys":["good"]}`, "strict JSON"},
		"an array":                 {`[` + good + `]`, "strict JSON"},
		"nothing":                  {``, "strict JSON"},
		"something behind":         {`{"keys":[` + good + `]}x`, "strict JSON"},
		"too many keys":            {`{"keys":[` + strings.Repeat(`{},`, 128) + `{}]}`, "at most 128"},
		"no key":                   {`{"keys":[]}`, "no key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := verify.ParseKeys([]byte(test.jwks))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("keys %v, error %v, want one that says %q", keys, err, test.says)
			}
		})
	}
}

func TestAModulusOfTheBrokenGeneratorIsRefused(t *testing.T) {
	t.Parallel()
	// Such primes are k·M + (65537^a mod M), with M the product of the first
	// primes. Two of them, found by trying, make the modulus.
	product := big.NewInt(1)
	for _, p := range []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167} {
		product.Mul(product, big.NewInt(p))
	}
	prime := func() *big.Int {
		for {
			a, err := rand.Int(rand.Reader, product)
			if err != nil {
				t.Fatal(err)
			}
			k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(1030-product.BitLen())))
			if err != nil {
				t.Fatal(err)
			}
			k.SetBit(k, 1029-product.BitLen(), 1)
			p := k.Mul(k, product).Add(k, a.Exp(big.NewInt(65537), a, product))
			if p.ProbablyPrime(1) {
				return p
			}
		}
	}
	n := new(big.Int).Mul(prime(), prime())
	_, err := verify.ParseKeys(fmt.Appendf(nil, `{"keys":[{"kty":"RSA","e":"AQAB","n":%q}]}`, base64.RawURLEncoding.EncodeToString(n.Bytes())))
	if err == nil || !strings.Contains(err.Error(), "CVE-2017-15361") {
		t.Error(err)
	}
}

func TestAKeyOfTheWrongKindVerifiesNothing(t *testing.T) {
	t.Parallel()
	es := signers()[verify.ES256]
	public := es.key.Public.(*ecdsa.PublicKey)
	hs := signers()[verify.HS256].key.Secret
	tests := map[string]verify.Key{
		"a value for a pointer": {Algorithm: verify.ES256, Public: *public},
		"a nil pointer":         {Algorithm: verify.ES256, Public: (*ecdsa.PublicKey)(nil)},
		"a nil RSA key":         {Algorithm: verify.RS256, Public: (*rsa.PublicKey)(nil)},
		"an empty RSA key":      {Algorithm: verify.RS256, Public: &rsa.PublicKey{}},
		"nothing":               {Algorithm: verify.ES256},
		"a private key":         {Algorithm: verify.ES256, Public: es.private},
		"a secret beside a key": {Algorithm: verify.ES256, Public: public, Secret: hs},
		"a key beside a secret": {Algorithm: verify.HS256, Public: public, Secret: hs},
		"no secret":             {Algorithm: verify.HS256},
		"no algorithm":          {Public: public},
		"an unknown algorithm":  {Algorithm: "ES256K", Public: public},
		"the algorithm none":    {Algorithm: "none"},
		"an EC key for Ed25519": {Algorithm: verify.Ed25519, Public: public},
		"an EC key for RS256":   {Algorithm: verify.RS256, Public: public},
		"P-256 for ES384":       {Algorithm: verify.ES384, Public: public},
	}
	for name, key := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key.ID = "k"
			token := es.sign(t, map[string]any{"alg": key.Algorithm, "kid": "k", "typ": "at+jwt"}, claims(nil))
			if _, err := key.Verify(token); err == nil {
				t.Error("accepted")
			}
			if _, err := verify.New(t.Context(), issuer, audience, verify.WithKeys(verify.StaticKeys(key))); err == nil {
				t.Error("New accepts the key")
			}
		})
	}
}
