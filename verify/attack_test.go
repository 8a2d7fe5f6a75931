package verify_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// attack is a token that somebody made to get in. They know the public keys and
// have seen one good token.
type attack struct {
	name  string
	token func(t testing.TB, s signer) string
	want  error
}

// forge signs with a secret that the attacker chose, as HS256.
func forge(t testing.TB, header any, secret []byte) string {
	forger := signer{key: verify.Key{Algorithm: verify.HS256, Secret: secret}}
	return forger.sign(t, header, claims(nil))
}

// header is the usual one, changed.
func header(s signer, changed map[string]any) map[string]any {
	h := map[string]any{"alg": s.key.Algorithm, "kid": s.key.ID, "typ": "at+jwt"}
	for name, value := range changed {
		if h[name] = value; value == nil {
			delete(h, name)
		}
	}
	return h
}

// publicBytes are the spellings of a public key that libraries took for secrets.
func publicBytes(t testing.TB, s signer) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	spellings := map[string][]byte{
		"PEM": text, "PEM without its last line break": text[:len(text)-1], "PEM after a space": append([]byte(" "), text...), "DER": der,
	}
	if public, ok := s.key.Public.(*rsa.PublicKey); ok {
		spellings["PKCS #1"] = x509.MarshalPKCS1PublicKey(public)
		spellings["modulus"] = public.N.Bytes()
	}
	if public, ok := s.key.Public.(*ecdsa.PublicKey); ok {
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		spellings["point"] = point
	}
	if public, ok := s.key.Public.(ed25519.PublicKey); ok {
		spellings["raw"] = public
	}
	return spellings
}

// attacks is the corpus: what broke JWT libraries, and what could.
func attacks() []attack {
	plain := func(header string, part func(t testing.TB, s signer) string) func(testing.TB, signer) string {
		return func(t testing.TB, s signer) string {
			return encode(t, strings.ReplaceAll(header, "$kid", s.key.ID)) + "." + encode(t, claims(nil)) + "." + part(t, s)
		}
	}
	nothing := func(testing.TB, signer) string { return "" }
	resign := func(changed map[string]any) func(testing.TB, signer) string {
		return func(t testing.TB, s signer) string { return s.sign(t, header(s, changed), claims(nil)) }
	}
	raw := func(header string) func(testing.TB, signer) string {
		return func(t testing.TB, s signer) string {
			header := strings.NewReplacer("$kid", s.key.ID, "$alg", string(s.key.Algorithm)).Replace(header)
			return s.sign(t, header, claims(nil))
		}
	}
	spliced := func(change func(parts []string) string) func(testing.TB, signer) string {
		return func(t testing.TB, s signer) string { return change(strings.Split(s.token(t, claims(nil)), ".")) }
	}
	list := []attack{
		// No signature at all: CVE-2015-9235 and its many children.
		{"alg none", plain(`{"alg":"none","kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrAlgorithm},
		{"alg noNE (RFC 8725bis)", plain(`{"alg":"noNE","kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrAlgorithm},
		{"alg empty", plain(`{"alg":"","kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrMalformed},
		{"alg missing", plain(`{"kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrMalformed},
		{"alg an array", plain(`{"alg":["none"],"kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrMalformed},
		{"alg null", plain(`{"alg":null,"kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrMalformed},
		{"alg a number", plain(`{"alg":0,"kid":"$kid","typ":"at+jwt"}`, nothing), verify.ErrMalformed},
		{"alg none and a good signature", func(t testing.TB, s signer) string {
			return s.sign(t, header(s, map[string]any{"alg": "none"}), claims(nil))
		}, verify.ErrAlgorithm},
		{"the signature cut off", spliced(func(p []string) string { return p[0] + "." + p[1] + "." }), verify.ErrSignature},
		{"the signature and its dot cut off", spliced(func(p []string) string { return p[0] + "." + p[1] }), verify.ErrMalformed},

		// Another spelling of the algorithm: one key, one algorithm, byte by byte.
		{"alg in lower case", func(t testing.TB, s signer) string {
			return s.sign(t, header(s, map[string]any{"alg": strings.ToLower(string(s.key.Algorithm))}), claims(nil))
		}, verify.ErrAlgorithm},
		{"alg after a space", func(t testing.TB, s signer) string {
			return s.sign(t, header(s, map[string]any{"alg": " " + string(s.key.Algorithm)}), claims(nil))
		}, verify.ErrAlgorithm},

		// Psychic and other impossible signatures: CVE-2022-21449.
		{"a signature of zeros", spliced(func(p []string) string { return p[0] + "." + p[1] + "." + strings.Repeat("A", len(p[2])) }), verify.ErrSignature},
		{"a signature of ones", spliced(func(p []string) string {
			return p[0] + "." + p[1] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", base64.RawURLEncoding.DecodedLen(len(p[2])))))
		}), verify.ErrSignature},
		{"a signature with one byte more", spliced(func(p []string) string {
			text, _ := base64.RawURLEncoding.DecodeString(p[2])
			return p[0] + "." + p[1] + "." + base64.RawURLEncoding.EncodeToString(append(text, 0))
		}), verify.ErrSignature},
		{"a zero in the middle of the signature", spliced(func(p []string) string {
			text, _ := base64.RawURLEncoding.DecodeString(p[2])
			half := len(text) / 2
			return p[0] + "." + p[1] + "." + base64.RawURLEncoding.EncodeToString(slices.Concat(text[:half], []byte{0}, text[half:]))
		}), verify.ErrSignature},
		{"a huge signature", spliced(func(p []string) string { return p[0] + "." + p[1] + "." + strings.Repeat("A", 12000) }), verify.ErrSignature},

		// The key of the attacker: CVE-2018-0114 and relatives. Keys come from the
		// set alone, whatever the header brings along.
		{"jwk in the header", func(t testing.TB, s signer) string {
			attacker := newES256(t)
			point, _ := attacker.key.Public.(*ecdsa.PublicKey).Bytes()
			jwk := map[string]string{"kty": "EC", "crv": "P-256", "x": encode(t, string(point[1:33])), "y": encode(t, string(point[33:]))}
			return attacker.sign(t, header(s, map[string]any{"jwk": jwk, "alg": "ES256"}), claims(nil))
		}, nil},
		{"jku and x5u in the header", func(t testing.TB, s signer) string {
			return newES256(t).sign(t, header(s, map[string]any{"jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert", "alg": "ES256"}), claims(nil))
		}, nil},
		{"x5c in the header", func(t testing.TB, s signer) string {
			return newES256(t).sign(t, header(s, map[string]any{"x5c": []string{"MIIB"}, "alg": "ES256"}), claims(nil))
		}, nil},

		// What a kid can be used for, where it is more than a name.
		{"kid a path", resign(map[string]any{"kid": "../../dev/null"}), verify.ErrUnknownKey},
		{"kid SQL", resign(map[string]any{"kid": "x'UNION/**/SELECT'secret';--"}), verify.ErrUnknownKey},
		{"kid a URL", resign(map[string]any{"kid": "https://evil.example/key"}), verify.ErrUnknownKey},
		{"kid with a line break", resign(map[string]any{"kid": "a\nb"}), verify.ErrMalformed},
		{"kid with a zero byte", resign(map[string]any{"kid": "a\x00"}), verify.ErrMalformed},
		{"kid beyond ASCII", resign(map[string]any{"kid": "clé"}), verify.ErrMalformed},
		{"kid huge", resign(map[string]any{"kid": strings.Repeat("k", 129)}), verify.ErrMalformed},
		{"kid missing", resign(map[string]any{"kid": nil}), verify.ErrUnknownKey},
		{"kid a number", resign(map[string]any{"kid": 1}), verify.ErrMalformed},
		{"kid an object", resign(map[string]any{"kid": map[string]any{"$ne": nil}}), verify.ErrMalformed},

		// Extensions that must be understood (RFC 7515 section 4.1.11, RFC 7797).
		{"crit", resign(map[string]any{"crit": []string{"exp"}}), verify.ErrMalformed},
		{"crit empty", resign(map[string]any{"crit": []string{}}), verify.ErrMalformed},
		{"crit and what it names", resign(map[string]any{"crit": []string{"b64"}, "b64": true}), verify.ErrMalformed},
		{"b64 false", resign(map[string]any{"b64": false}), verify.ErrMalformed},
		{"compressed", resign(map[string]any{"zip": "DEF"}), verify.ErrMalformed},

		// Encrypted tokens taken for signed ones: CVE-2023-51774, CVE-2026-29000.
		{"enc in the header", resign(map[string]any{"enc": "A256GCM"}), verify.ErrMalformed},
		{"five parts", func(t testing.TB, s signer) string { return s.token(t, claims(nil)) + ".AAAA.AAAA" }, verify.ErrMalformed},
		{"PBES2 with many rounds (CVE-2023-50658)", func(t testing.TB, _ signer) string {
			return encode(t, map[string]any{"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2147483647, "p2s": "AAAA"}) + ".AAAA.AAAA.AAAA.AAAA"
		}, verify.ErrMalformed},
		{"a token in a token", func(t testing.TB, s signer) string {
			return s.sign(t, header(s, map[string]any{"cty": "JWT"}), s.token(t, claims(nil)))
		}, verify.ErrMalformed},

		// Tokens of the same issuer that are for something else.
		{"an ID token", resign(map[string]any{"typ": "JWT"}), verify.ErrType},
		{"a logout token", resign(map[string]any{"typ": "logout+jwt"}), verify.ErrType},
		{"the revocation feed", resign(map[string]any{"typ": verify.FeedType}), verify.ErrType},
		{"no typ", resign(map[string]any{"typ": nil}), verify.ErrType},
		{"typ with a parameter", resign(map[string]any{"typ": "at+jwt;x=1"}), verify.ErrType},
		{"typ after a space", resign(map[string]any{"typ": " at+jwt"}), verify.ErrType},
		{"typ of another tree", resign(map[string]any{"typ": "text/at+jwt"}), verify.ErrType},

		// Forms: compact, and nothing else.
		{"nothing", func(testing.TB, signer) string { return "" }, verify.ErrMalformed},
		{"dots", func(testing.TB, signer) string { return ".." }, verify.ErrMalformed},
		{"a million dots (CVE-2025-30204)", func(testing.TB, signer) string { return strings.Repeat(".", 1<<20) }, verify.ErrMalformed},
		{"sixteen thousand dots (CVE-2025-27144)", func(testing.TB, signer) string { return strings.Repeat(".", 16000) }, verify.ErrMalformed},
		{"longer than allowed", func(t testing.TB, s signer) string {
			return s.token(t, claims(map[string]any{"x": strings.Repeat("x", 13000)}))
		}, verify.ErrMalformed},
		{"JSON, flattened", func(t testing.TB, s signer) string {
			p := strings.Split(s.token(t, claims(nil)), ".")
			return jsonText(t, map[string]string{"protected": p[0], "payload": p[1], "signature": p[2]})
		}, verify.ErrMalformed},
		{"JSON that is compact, too (RFC 8725bis)", func(t testing.TB, s signer) string {
			p := strings.Split(s.token(t, claims(nil)), ".")
			return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `","x":"a.b.c"}`
		}, verify.ErrMalformed},
		{"space before", func(t testing.TB, s signer) string { return " " + s.token(t, claims(nil)) }, verify.ErrMalformed},
		{"line break after", func(t testing.TB, s signer) string { return s.token(t, claims(nil)) + "\n" }, verify.ErrMalformed},
		{"carriage return after", func(t testing.TB, s signer) string { return s.token(t, claims(nil)) + "\r" }, verify.ErrMalformed},
		{"line break within the payload", spliced(func(p []string) string { return p[0] + "." + p[1][:9] + "\r\n" + p[1][9:] + "." + p[2] }), verify.ErrMalformed},
		{"line break within the signature", spliced(func(p []string) string { return p[0] + "." + p[1] + "." + p[2][:9] + "\n" + p[2][9:] }), verify.ErrMalformed},
		{"padded signature", spliced(func(p []string) string { return p[0] + "." + p[1] + "." + p[2] + "==" }), verify.ErrMalformed},
		{"base64 of the other alphabet", spliced(func(p []string) string { return p[0] + "." + p[1] + "." + p[2][:9] + "+/" + p[2][11:] }), verify.ErrMalformed},
		{"a header that is no object", func(t testing.TB, s signer) string { return s.sign(t, `["at+jwt"]`, claims(nil)) }, verify.ErrMalformed},
		{"an empty header", func(t testing.TB, s signer) string { return s.sign(t, ``, claims(nil)) }, verify.ErrMalformed},

		// JSON that two readers read in two ways.
		{"alg twice", raw(`{"alg":"$alg","alg":"none","kid":"$kid","typ":"at+jwt"}`), verify.ErrMalformed},
		{"alg twice, but for case", raw(`{"alg":"$alg","ALG":"none","kid":"$kid","typ":"at+jwt"}`), verify.ErrMalformed},
		{"Alg for alg", raw(`{"Alg":"$alg","kid":"$kid","typ":"at+jwt"}`), verify.ErrMalformed},
		{"Crit for crit", raw(`{"alg":"$alg","kid":"$kid","typ":"at+jwt","Crit":["exp"]}`), verify.ErrMalformed},
		{"alg twice, one escaped", raw(`{"alg":"$alg","\u0061lg":"none","kid":"$kid","typ":"at+jwt"}`), verify.ErrMalformed},
		{"kid with the Kelvin sign", raw(`{"alg":"$alg","kid":"$kid","\u212Aid":"x","typ":"at+jwt"}`), verify.ErrMalformed},
		{"an unknown member twice", raw(`{"alg":"$alg","kid":"$kid","typ":"at+jwt","x":1,"x":2}`), verify.ErrMalformed},
		{"a byte order mark", raw("\ufeff" + `{"alg":"$alg","kid":"$kid","typ":"at+jwt"}`), verify.ErrMalformed},
		{"something after the header", raw(`{"alg":"$alg","kid":"$kid","typ":"at+jwt"} {}`), verify.ErrMalformed},
		{"a comment", raw(`{"alg":"$alg",/**/"kid":"$kid","typ":"at+jwt"}`), verify.ErrMalformed},
		{"a comma too many", raw(`{"alg":"$alg","kid":"$kid","typ":"at+jwt",}`), verify.ErrMalformed},
		{"invalid UTF-8", raw("{\"alg\":\"$alg\",\"kid\":\"$kid\",\"typ\":\"at+jwt\",\"x\":\"\xff\"}"), verify.ErrMalformed},
		{"deep nesting", raw(`{"alg":"$alg","kid":"$kid","typ":"at+jwt","x":` + strings.Repeat("[", 5000)), verify.ErrMalformed},
	}
	for _, spelling := range []string{"PEM", "PEM without its last line break", "PEM after a space", "DER", "PKCS #1", "modulus", "point", "raw"} {
		// The public key taken for a secret: CVE-2015-9235, CVE-2023-48223,
		// CVE-2026-34950, CVE-2026-22817.
		list = append(list, attack{"HS256 with the public key as " + spelling, func(t testing.TB, s signer) string {
			secret, ok := publicBytes(t, s)[spelling]
			if !ok {
				secret = []byte("not with this kind of key")
			}
			return forge(t, header(s, map[string]any{"alg": "HS256"}), secret)
		}, verify.ErrAlgorithm})
	}
	return list
}

func newES256(t testing.TB) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer{verify.Key{ID: "new", Algorithm: verify.ES256, Public: &private.PublicKey}, private}
}

func TestNoAttackOfTheCorpusGetsIn(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []verify.Algorithm{verify.ES256, verify.Ed25519, verify.RS256} {
		s := signers()[algorithm]
		v := s.verifier(t)
		for _, attack := range attacks() {
			t.Run(string(algorithm)+"/"+attack.name, func(t *testing.T) {
				t.Parallel()
				token := attack.token(t, s)
				claims, err := v.Verify(t.Context(), token)
				if err == nil {
					t.Fatalf("accepted: %+v", claims)
				}
				want := attack.want
				if want == nil { // signed well, with another key
					want = verify.ErrAlgorithm
					if algorithm == verify.ES256 {
						want = verify.ErrSignature
					}
				}
				if !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
				if parts := strings.Split(token, "."); len(parts) > 1 && len(parts[1]) > 8 && strings.Contains(err.Error(), parts[1]) {
					t.Errorf("the error holds the token: %v", err)
				}
			})
		}
	}
}

func TestImpossibleECDSASignaturesAreRefused(t *testing.T) {
	t.Parallel()
	s := signers()[verify.ES256]
	n := elliptic.P256().Params().N
	one := big.NewInt(1)
	values := map[string]*big.Int{
		"0": new(big.Int), "1": one, "n-1": new(big.Int).Sub(n, one), "n": n, "n+1": new(big.Int).Add(n, one),
		"2^256-1": new(big.Int).Sub(new(big.Int).Lsh(one, 256), one),
	}
	good := s.token(t, claims(nil))
	signed := good[:strings.LastIndexByte(good, '.')+1]
	for rName, r := range values {
		for sName, value := range values {
			signature := append(r.FillBytes(make([]byte, 32)), value.FillBytes(make([]byte, 32))...)
			_, err := s.verifier(t).Verify(t.Context(), signed+base64.RawURLEncoding.EncodeToString(signature))
			if !errors.Is(err, verify.ErrSignature) {
				t.Errorf("r = %s, s = %s: %v", rName, sName, err)
			}
		}
	}
}

// Each payload differs from a good token's in one thing.
func TestClaimsAreReadStrictly(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) map[string]any { return claims(map[string]any{name: value}) }
	number := func(name, literal string) string {
		return strings.Replace(jsonText(t, claims(map[string]any{name: "HERE"})), `"HERE"`, literal, 1)
	}
	after := func(text string) string { return strings.TrimSuffix(jsonText(t, claims(nil)), "}") + text + "}" }
	unix := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	tests := []struct {
		name    string
		payload any
		want    error
	}{
		// Whose, for whom (CVE-2020-26160: aud as a string or as an array).
		{"another issuer", set("iss", "https://evil.example.com"), verify.ErrIssuer},
		{"the issuer with a slash", set("iss", issuer+"/"), verify.ErrIssuer},
		{"the issuer in capitals", set("iss", strings.ToUpper(issuer)), verify.ErrIssuer},
		{"no issuer", set("iss", nil), verify.ErrMalformed},
		{"an array of issuers", set("iss", []string{issuer}), verify.ErrMalformed},
		{"another audience", set("aud", "https://other.example.com"), verify.ErrAudience},
		{"an audience that begins alike", set("aud", audience+".evil.example"), verify.ErrAudience},
		{"several audiences with ours", set("aud", []string{"a", audience, "b"}), nil},
		{"several audiences without", set("aud", []string{"a", "b"}), verify.ErrAudience},
		{"an empty list of audiences", set("aud", []string{}), verify.ErrMalformed},
		{"an empty audience", set("aud", ""), verify.ErrAudience},
		{"no audience", set("aud", nil), verify.ErrMalformed},
		{"an audience within an array", set("aud", [][]string{{audience}}), verify.ErrMalformed},
		{"an audience that is true", set("aud", true), verify.ErrMalformed},

		// What RFC 9068 section 2.2 requires.
		{"no subject", set("sub", nil), verify.ErrMalformed},
		{"an empty subject", set("sub", ""), verify.ErrMalformed},
		{"no client", set("client_id", nil), verify.ErrMalformed},
		{"no jti", set("jti", nil), verify.ErrMalformed},
		{"no iat", set("iat", nil), verify.ErrMalformed},
		{"no exp", set("exp", nil), verify.ErrMalformed},
		{"no session", set("sid", nil), nil},
		{"no roles, no epoch, no name", claims(map[string]any{"roles": nil, "epoch": nil, "preferred_username": nil, "email": nil, "auth_time": nil}), nil},

		// When.
		{"expired within the leeway", set("exp", unix(-29*time.Second)), verify.ErrLifetime}, // exp before iat
		{"expired a minute ago", claims(map[string]any{"iat": unix(-11 * time.Minute), "exp": unix(-time.Minute)}), verify.ErrExpired},
		{"expired just beyond the leeway", claims(map[string]any{"iat": unix(-10 * time.Minute), "exp": unix(-30 * time.Second)}), verify.ErrExpired},
		{"expired just within it", claims(map[string]any{"iat": unix(-10 * time.Minute), "exp": unix(-29 * time.Second)}), nil},
		{"issued in a minute", claims(map[string]any{"iat": unix(time.Minute), "exp": unix(time.Hour)}), nil},
		{"issued in 61 seconds", claims(map[string]any{"iat": unix(61 * time.Second), "exp": unix(time.Hour)}), verify.ErrNotYet},
		{"good in a minute", set("nbf", unix(time.Minute)), nil},
		{"good in 61 seconds", set("nbf", unix(61*time.Second)), verify.ErrNotYet},
		{"lives for a day", set("exp", unix(24*time.Hour)), nil},
		{"lives for longer", set("exp", unix(24*time.Hour+time.Second)), verify.ErrLifetime},
		{"lives for no time", set("exp", unix(0)), verify.ErrLifetime},
		{"lives for ever", set("exp", int64(253402300799)), verify.ErrLifetime},

		// Numbers.
		{"exp with a fraction", number("exp", "1795263300.75"), nil},
		{"exp a string", number("exp", `"1795263300"`), verify.ErrMalformed},
		{"exp 1e400", number("exp", "1e400"), verify.ErrMalformed},
		{"exp with an exponent", number("exp", "1795263e3"), verify.ErrMalformed},
		{"exp with a capital exponent", number("exp", "1.7952633E9"), verify.ErrMalformed},
		{"exp -0", number("exp", "-0"), verify.ErrMalformed},
		{"exp -1", number("exp", "-1"), verify.ErrMalformed},
		{"exp 2^63", number("exp", "9223372036854775808"), verify.ErrMalformed},
		{"exp 2^64 and a bit", number("exp", "18446744075504814916"), verify.ErrMalformed},
		{"exp in the year 10000", number("exp", "253402300800"), verify.ErrMalformed},
		{"exp NaN", number("exp", "NaN"), verify.ErrMalformed},
		{"exp Infinity", number("exp", "Infinity"), verify.ErrMalformed},
		{"exp with a leading zero", number("exp", "01795263300"), verify.ErrMalformed},
		{"exp with a plus", number("exp", "+1795263300"), verify.ErrMalformed},
		{"exp in hexadecimal", number("exp", "0x6b01"), verify.ErrMalformed},
		{"exp with underscores", number("exp", "1_795_263_300"), verify.ErrMalformed},
		{"exp null", number("exp", "null"), verify.ErrMalformed},
		{"exp true", number("exp", "true"), verify.ErrMalformed},
		{"exp an array", number("exp", "[1795263300]"), verify.ErrMalformed},
		{"exp ends with a dot", number("exp", "1795263300."), verify.ErrMalformed},
		{"epoch with a fraction", number("epoch", "3.0"), verify.ErrMalformed},
		{"epoch 2^53", number("epoch", "9007199254740992"), verify.ErrMalformed},
		{"epoch 2^53-1", number("epoch", "9007199254740991"), nil},
		{"epoch negative", number("epoch", "-3"), verify.ErrMalformed},
		{"a foreign number", after(`,"x":-12.5e+300`), nil},

		// Names and texts.
		{"exp twice", after(`,"exp":1795263300`), verify.ErrMalformed},
		{"exp in capitals", after(`,"EXP":99999999999`), verify.ErrMalformed},
		{"only Exp", strings.Replace(jsonText(t, claims(nil)), `"exp"`, `"Exp"`, 1), verify.ErrMalformed},
		{"only NBF", after(`,"NBF":99999999999`), verify.ErrMalformed},
		{"only nbf as a text", after(`,"nbf":"1"`), verify.ErrMalformed},
		{"sub with a long s", after(`,"ſub":"root"`), verify.ErrMalformed},
		{"roles twice, one escaped", after(`,"r\u006fles":["admin"]`), verify.ErrMalformed},
		{"a foreign claim twice", after(`,"x":1,"x":2`), verify.ErrMalformed},
		{"a foreign claim twice, but for case", after(`,"straße":1,"STRASSE":2,"STRAßE":2`), verify.ErrMalformed},
		{"a foreign claim and its Kelvin sign", after(`,"k":1,"\u212a":2`), verify.ErrMalformed},
		{"a Kelvin sign and its foreign claim", after(`,"\u212a":1,"k":2`), verify.ErrMalformed},
		{"a name twice after many others", after(`,"x":{` + manyMembers(40) + `"13":1}`), verify.ErrMalformed},
		{"a name twice deep within a foreign claim", after(`,"x":[{"a":1,"A":2}]`), verify.ErrMalformed},
		{"foreign claims", after(`,"x":{"a":[1,{"b":null}],"c":false},"ü":"\ud83d\ude00 \u00e9\n\/"`), nil},
		{"a lone high surrogate", after(`,"x":"\ud83d"`), verify.ErrMalformed},
		{"a high surrogate before text", after(`,"x":"\ud83dabcdef"`), verify.ErrMalformed},
		{"a high surrogate before what ends like a low one", after(`,"x":"\ud83dxxde00"`), verify.ErrMalformed},
		{"a lone low surrogate", after(`,"x":"\ude00"`), verify.ErrMalformed},
		{"two high surrogates", after(`,"x":"\ud83d\ud83d"`), verify.ErrMalformed},
		{"an unfinished escape", after(`,"x":"\u12"`), verify.ErrMalformed},
		{"an unknown escape", after(`,"x":"\x41"`), verify.ErrMalformed},
		{"invalid UTF-8", after(",\"x\":\"\xc3\x28\""), verify.ErrMalformed},
		{"invalid UTF-8 after an escape", after(",\"x\":\"\\n\xed\xa0\x80\""), verify.ErrMalformed},
		{"a tab in a text", after(",\"x\":\"\t\""), verify.ErrMalformed},
		{"a line break after an escape", after(",\"x\":\"\\n\n\""), verify.ErrMalformed},
		{"roles a text", set("roles", "admin"), verify.ErrMalformed},
		{"roles with a number", set("roles", []any{"user", 1}), verify.ErrMalformed},
		{"many roles", set("roles", []string{"a", "b", "c", "d", "e", "f"}), nil},

		// Forms.
		{"white space", " \t\r\n" + strings.ReplaceAll(jsonText(t, claims(nil)), `":`, "\" :\n\t") + " \n", nil},
		{"a byte order mark", "\ufeff" + jsonText(t, claims(nil)), verify.ErrMalformed},
		{"an array", "[" + jsonText(t, claims(nil)) + "]", verify.ErrMalformed},
		{"two objects", jsonText(t, claims(nil)) + jsonText(t, claims(nil)), verify.ErrMalformed},
		{"cut off", strings.TrimSuffix(jsonText(t, claims(nil)), "}"), verify.ErrMalformed},
		{"nothing", "", verify.ErrMalformed},
		{"an empty object", "{}", verify.ErrMalformed},
		{"null", "null", verify.ErrMalformed},
		{"no JSON", "sub=root", verify.ErrMalformed},
		{"a comma too many", after(`,`), verify.ErrMalformed},
		{"a comma too many in an array", after(`,"x":[1,]`), verify.ErrMalformed},
		{"a word that is none", after(`,"x":nul`), verify.ErrMalformed},
		{"31 levels", after(`,"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31)), nil},
		{"32 levels", after(`,"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)), verify.ErrMalformed},
		{"31 levels of objects", after(`,"x":` + strings.Repeat(`{"a":`, 31) + "1" + strings.Repeat("}", 31)), nil},
		{"32 levels of objects", after(`,"x":` + strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32)), verify.ErrMalformed},
		{"a thousand levels", after(`,"x":` + strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)), verify.ErrMalformed},
		{"thousands of members", after(`,"x":{` + strings.TrimSuffix(manyMembers(257), ",") + "}"), verify.ErrMalformed},
		{"many members", after(`,"x":{` + strings.TrimSuffix(manyMembers(256), ",") + "}"), nil},
	}
	s := signers()[verify.HS256]
	v := s.verifier(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			claims, err := v.Verify(t.Context(), s.token(t, test.payload))
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if (claims == nil) != (err != nil) {
				t.Errorf("claims %v beside error %v", claims, err)
			}
		})
	}
}

// manyMembers are n members with different names.
func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"` + big.NewInt(int64(i)).Text(36) + `":1,`)
	}
	return b.String()
}

func TestTheTypeIsComparedAsAMediaType(t *testing.T) {
	t.Parallel()
	s := signers()[verify.HS256]
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"} {
		if _, err := s.verifier(t).Verify(t.Context(), s.sign(t, header(s, map[string]any{"typ": typ}), claims(nil))); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestTheLeewayCanBeNone(t *testing.T) {
	t.Parallel()
	s := signers()[verify.HS256]
	v := s.verifier(t, verify.WithLeeway(0), verify.WithNow(at(noon.Add(10*time.Minute-time.Nanosecond))))
	mustAccept(t, v, s.token(t, claims(nil)))
	v = s.verifier(t, verify.WithLeeway(0), verify.WithNow(at(noon.Add(10*time.Minute))))
	mustRefuse(t, v, s.token(t, claims(nil)), verify.ErrExpired)
}

func TestARememberedTokenIsForgottenWhenItExpires(t *testing.T) {
	t.Parallel()
	s := signers()[verify.ES256]
	now := noon
	v := s.verifier(t, verify.WithNow(func() time.Time { return now }))
	token := s.token(t, claims(nil))
	mustAccept(t, v, token)
	now = noon.Add(10*time.Minute + 29*time.Second)
	mustAccept(t, v, token)
	now = noon.Add(10*time.Minute + 30*time.Second)
	mustRefuse(t, v, token, verify.ErrExpired)
}

// ended are revocations by hand.
type ended struct {
	sessions map[string]bool
	epochs   map[string]uint64
}

func (e ended) Revoked(id string) bool                  { return e.sessions[id] }
func (e ended) Stale(subject string, epoch uint64) bool { return epoch < e.epochs[subject] }

func TestARememberedTokenDiesWithItsSession(t *testing.T) {
	t.Parallel()
	s := signers()[verify.ES256]
	revoked := ended{map[string]bool{}, map[string]uint64{}}
	v := s.verifier(t, verify.WithRevocations(revoked))
	token := s.token(t, claims(nil))
	mustAccept(t, v, token)
	revoked.epochs["019aa3c1-0000-7000-8000-000000000001"] = 3
	mustAccept(t, v, token)
	revoked.epochs["019aa3c1-0000-7000-8000-000000000001"] = 4
	mustRefuse(t, v, token, verify.ErrStale)
	revoked.sessions["0123456789abcdef0123456789abcdef"] = true
	mustRefuse(t, v, token, verify.ErrRevoked)
}

func TestMemoryIsBoundedByTheCacheSize(t *testing.T) {
	t.Parallel()
	s := signers()[verify.HS256]
	for _, size := range []int{0, 1, 500} {
		v := s.verifier(t, verify.WithCacheSize(size))
		for n := range 1500 {
			mustAccept(t, v, s.token(t, claims(map[string]any{"jti": big.NewInt(int64(n)).String()})))
		}
		if held := verify.Remembered(v); held > max(size, 128) || size >= 500 && held < size/4 {
			t.Errorf("%d tokens are held, with a size of %d", held, size)
		}
	}
}

func TestATokenInUseIsNotForgottenForOthers(t *testing.T) {
	t.Parallel()
	s := signers()[verify.HS256]
	v := s.verifier(t, verify.WithCacheSize(1)) // two in each of 64 shards
	busy := s.token(t, claims(nil))
	mustAccept(t, v, busy)
	for n := range 1000 {
		mustAccept(t, v, s.token(t, claims(map[string]any{"jti": big.NewInt(int64(n)).String()})))
		if !verify.Remembers(v, busy) {
			t.Fatalf("forgotten after %d others", n)
		}
		mustAccept(t, v, busy)
	}
}

func TestRememberedHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := signers()[verify.HS256]
	v := s.verifier(t)
	for n := range 100 {
		mustAccept(t, v, s.sign(t, header(s, map[string]any{"n": n}), claims(nil)))
	}
	if held := verify.RememberedHeaders(v); held == 0 || held > 33 {
		t.Errorf("%d headers are held", held)
	}
}

func TestAKeyVerifiesOnlyWhatNamesIt(t *testing.T) {
	t.Parallel()
	s := signers()[verify.ES256]
	if _, err := s.key.Verify(s.sign(t, header(s, map[string]any{"kid": "another"}), "x")); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("with the id of another: %v", err)
	}
	if payload, err := s.key.Verify(s.sign(t, header(s, map[string]any{"kid": nil}), "x")); err != nil || string(payload) != "x" {
		t.Errorf("without id: %q, %v", payload, err)
	}
}

func TestAnIssuerMayHaveAKeyWithoutID(t *testing.T) {
	t.Parallel()
	s := newES256(t)
	s.key.ID = ""
	mustAccept(t, s.verifier(t), s.sign(t, map[string]any{"alg": "ES256", "typ": "at+jwt"}, claims(nil)))
}
