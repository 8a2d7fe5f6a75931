package conformance

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/watchwordauth/watchword/verify"
)

const (
	issuer   = "https://auth.example.com"
	audience = "https://api.example.com"
	leeway   = 30 * time.Second
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// algorithm is one that all four verify, with a key of each kind.
type algorithm struct {
	name   verify.Algorithm
	key    any // as the oracles take it
	ours   *verify.Verifier
	sign   func(input []byte) []byte
	jwxAlg jwa.SignatureAlgorithm
}

// algorithms are those that Watchword signs with. Ed25519 goes by its older name,
// which is the only one that all oracles know.
var algorithms = sync.OnceValue(func() []algorithm {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	secret := make([]byte, 32)
	rand.Read(secret)
	list := []algorithm{
		{name: verify.ES256, key: &curve.PublicKey, jwxAlg: jwa.ES256(), sign: func(input []byte) []byte {
			digest := sha256.Sum256(input)
			r, s, err := ecdsa.Sign(rand.Reader, curve, digest[:])
			must(err)
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}},
		{name: verify.EdDSA, key: public, jwxAlg: jwa.EdDSA(), sign: func(input []byte) []byte { return ed25519.Sign(edwards, input) }},
		{name: verify.RS256, key: &modulus.PublicKey, jwxAlg: jwa.RS256(), sign: func(input []byte) []byte {
			digest := sha256.Sum256(input)
			signature, err := rsa.SignPKCS1v15(nil, modulus, crypto.SHA256, digest[:])
			must(err)
			return signature
		}},
		{name: verify.HS256, key: secret, jwxAlg: jwa.HS256(), sign: func(input []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(input)
			return mac.Sum(nil)
		}},
	}
	for i := range list {
		key := verify.Key{ID: "k", Algorithm: list[i].name, Public: list[i].key}
		if list[i].name == verify.HS256 {
			key.Public, key.Secret = nil, secret
		}
		list[i].ours, err = verify.New(context.Background(), issuer, audience,
			verify.WithKeys(verify.StaticKeys(key)), verify.WithNow(func() time.Time { return noon }),
			verify.WithLeeway(leeway), verify.WithCacheSize(0))
		must(err)
	}
	return list
})

// token signs any header and payload.
func (a algorithm) token(header, payload string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return input + "." + base64.RawURLEncoding.EncodeToString(a.sign([]byte(input)))
}

// oracles say whether they accept a token. All check the signature with the one
// key and the one algorithm, the issuer, the audience and the times.
var oracles = map[string]func(a algorithm, token string) error{
	"go-jose": func(a algorithm, token string) error {
		parsed, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a.name)})
		if err != nil {
			return err
		}
		var claims josejwt.Claims
		if err := parsed.Claims(a.key, &claims); err != nil {
			return err
		}
		if claims.Expiry == nil {
			return fmt.Errorf("no exp")
		}
		return claims.ValidateWithLeeway(josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}, Time: noon}, verify.Skew)
	},
	"golang-jwt": func(a algorithm, token string) error {
		parser := jwt.NewParser(jwt.WithValidMethods([]string{string(a.name)}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
			jwt.WithExpirationRequired(), jwt.WithLeeway(verify.Skew), jwt.WithTimeFunc(func() time.Time { return noon }), jwt.WithStrictDecoding())
		_, err := parser.Parse(token, func(*jwt.Token) (any, error) { return a.key, nil })
		return err
	},
	"jwx": func(a algorithm, token string) error {
		_, err := jwxjwt.Parse([]byte(token), jwxjwt.WithKey(a.jwxAlg, a.key), jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience),
			jwxjwt.WithAcceptableSkew(verify.Skew), jwxjwt.WithClock(jwxjwt.ClockFunc(func() time.Time { return noon })), jwxjwt.WithRequiredClaim("exp"))
		return err
	},
}

// compare fails if we accept what fewer than two oracles accept. It reports
// whether we accept.
func compare(t *testing.T, a algorithm, token string) bool {
	t.Helper()
	if _, err := a.ours.Verify(t.Context(), token); err != nil {
		return false
	}
	agree, against := 0, ""
	for name, accepts := range oracles {
		if err := accepts(a, token); err != nil {
			against += fmt.Sprintf("\n%s: %v", name, err)
		} else {
			agree++
		}
	}
	if agree < 2 {
		t.Errorf("%s: we accept what only %d of 3 accept: %s%s", a.name, agree, token, against)
	}
	return true
}

// good are the header and the claims of a token that everybody accepts.
func good(a algorithm) (header, payload string) {
	header = fmt.Sprintf(`{"alg":%q,"kid":"k","typ":"at+jwt"}`, a.name)
	text, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": "ada", "aud": audience, "client_id": "web", "iat": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix(),
		"jti": "1", "sid": "s", "auth_time": noon.Unix(), "roles": []string{"user"}, "epoch": 1,
	})
	if err != nil {
		panic(err)
	}
	return header, string(text)
}

func TestEverybodyAcceptsAGoodToken(t *testing.T) {
	t.Parallel()
	for _, a := range algorithms() {
		token := a.token(good(a))
		if !compare(t, a, token) {
			t.Errorf("%s: refused", a.name)
		}
		for name, accepts := range oracles {
			if err := accepts(a, token); err != nil {
				t.Errorf("%s: %s: %v", a.name, name, err)
			}
		}
	}
}

// corpus are headers, payloads and whole tokens that differ from good ones in
// ways that readers are known to take differently.
var (
	headers = []string{
		`{"alg":%q,"kid":"k","typ":"at+jwt"}`, ` { "alg" : %q , "kid" : "k" , "typ" : "application/at+jwt" } `,
		`{"alg":%q,"kid":"k","typ":"at+jwt","x5t":"AAAA","foo":{"bar":[1,2.5e3,null,true,"ü"]}}`,
		`{"alg":%q,"kid":"k","typ":"at+jwt","cty":"JWT"}`, `{"alg":%q,"kid":"k","typ":"at+jwt","jku":"https://evil.example/"}`,
		`{"alg":%q,"kid":"k","typ":"at+jwt","jwk":{"kty":"oct","k":"AAAA"}}`, `{"alg":%q,"kid":"k","typ":"at+jwt","x5c":["AAAA"]}`,
		`{"alg":%q,"kid":"\u006b","typ":"at\u002bjwt"}`, `{"alg":%q,"kid":"k","typ":"at+jwt","":""}`,
		`{"alg":%q,"kid":"k","typ":"at+jwt","nonce":"x"}`, `{"alg":%q,"kid":"k","typ":"at+jwt","url":"https://x"}`,
	}
	changes = map[string][]string{
		"aud": {`["https://api.example.com"]`, `["a","https://api.example.com","b"]`, `["https:\/\/api.example.com"]`, `"https:\u002f\u002fapi.example.com"`, `[]`, `""`, `null`, `1`, `{}`, `[1]`, `[null,"https://api.example.com"]`},
		"iss": {`"https:\/\/auth.example.com"`, `null`, `["https://auth.example.com"]`},
		"sub": {`"ada\u0000"`, `"\ud83d\ude00"`, `"a\tb"`, `null`, `7`},
		"exp": {`1795263000.5`, `1795263000.0`, `1795263000.999999999999`, `1795262371`, `1795262370`, `1795262371.9`, `"1795263000"`, `1.795263e9`, `null`, `-1`, `0`},
		"iat": {`1795262400.5`, `1795262460`, `1795262461`, `1795262460.9`, `0`, `-5`, `null`, `"x"`},
		"nbf": {`1795262400`, `1795262460`, `1795262461`, `1795262460.9`, `0`, `-5`, `null`, `"x"`, `true`},
		"jti": {`"\u00e9"`, `null`, `[]`},
		"x":   {`{"a":{"b":[{}]}}`, `[[[[[]]]]]`, `1e308`, `-0.0`, `1e-400`, `123456789012345678901234567890`, `"\b\f\n\r\t\"\\\/"`, `""`, `true`, `false`, `null`},
		"":    {`1`}, "https://example.com/claim": {`{}`}, "é": {`1`}, "\u212a": {`1`}, "cnf": {`{"jkt":"x"}`, `1`}, "act": {`{}`}, "address": {`"x"`, `{}`}, "email_verified": {`"yes"`, `true`}, "birthdate": {`1`}, "updated_at": {`"x"`},
	}
)

// payload changes one claim of the good ones.
func payload(t testing.TB, a algorithm, name, value string) string {
	t.Helper()
	_, text := good(a)
	var claims map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	claims[name] = json.RawMessage(value)
	for name, value := range claims {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, ",%s:%s", quoted, value)
	}
	return "{" + b.String()[1:] + "}"
}

func TestWhatWeAcceptOthersAccept(t *testing.T) {
	t.Parallel()
	for _, a := range algorithms() {
		t.Run(string(a.name), func(t *testing.T) {
			t.Parallel()
			accepted := 0
			check := func(token string) {
				if compare(t, a, token) {
					accepted++
				}
			}
			usual, claims := good(a)
			for _, header := range headers {
				check(a.token(fmt.Sprintf(header, a.name), claims))
			}
			for name, values := range changes {
				for _, value := range values {
					check(a.token(usual, payload(t, a, name, value)))
				}
			}
			if accepted < 40 {
				t.Errorf("only %d of the corpus were accepted: it compares nothing", accepted)
			}

			// Bytes changed anywhere: in the signed texts, and in the token.
			random := mathrand.New(mathrand.NewPCG(1, 2))
			for range 3000 {
				header, claims := mutate(random, usual), claims
				if random.IntN(4) > 0 {
					header, claims = usual, mutate(random, claims)
				}
				token := a.token(header, claims)
				check(token)
				check(mutate(random, token))
			}
		})
	}
}

// mutate changes a text a little: in most cases it stays what it was in kind.
func mutate(random *mathrand.Rand, text string) string {
	b := []byte(text)
	at := random.IntN(len(b))
	pieces := []string{`"`, `\u0061`, `,`, ` `, "\n", `:`, `1`, `0`, `.`, `e1`, `-`, `null`, `[]`, `{}`, `true`, "\x00", "\xff", "é", `"x":1,`, `"exp":1,`, `A`, `_`, `=`, `\`}
	switch random.IntN(5) {
	case 0:
		b[at] = byte(random.IntN(256))
	case 1:
		b = append(b[:at], b[at+1:]...)
	case 2:
		b = bytes.Join([][]byte{b[:at], []byte(pieces[random.IntN(len(pieces))]), b[at:]}, nil)
	case 3:
		b[at] ^= 0x20 // the case of a letter
	case 4:
		end := min(len(b), at+random.IntN(12))
		b = bytes.Join([][]byte{b[:end], b[at:end], b[end:]}, nil)
	}
	return string(b)
}

// FuzzWhatWeAcceptOthersAccept signs any header and any claims, and appends
// something to the token.
func FuzzWhatWeAcceptOthersAccept(f *testing.F) {
	for i, a := range algorithms() {
		header, claims := good(a)
		f.Add(byte(i), header, claims, "")
		for _, h := range headers {
			f.Add(byte(i), fmt.Sprintf(h, a.name), claims, "")
		}
		for name, values := range changes {
			for _, value := range values {
				f.Add(byte(i), header, payload(f, a, name, value), "")
			}
		}
		f.Add(byte(i), header, claims, "\n")
		f.Add(byte(i), header, claims, "=")
		f.Add(byte(i), header, claims, ".AA")
	}
	f.Fuzz(func(t *testing.T, which byte, header, claims, more string) {
		if len(header)+len(claims)+len(more) > 8000 {
			return
		}
		list := algorithms()
		a := list[int(which)%len(list)]
		compare(t, a, a.token(header, claims)+more)
	})
}

// TestTheOtherHalfOfAnECDSASignature: (r, n-s) verifies wherever (r, s) does, so
// that a token is never known by its text alone.
func TestTheOtherHalfOfAnECDSASignature(t *testing.T) {
	t.Parallel()
	a := algorithms()[0]
	token := a.token(good(a))
	at := strings.LastIndexByte(token, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(token[at:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	if !compare(t, a, token[:at]+base64.RawURLEncoding.EncodeToString(signature)) {
		t.Error("refused")
	}
}
