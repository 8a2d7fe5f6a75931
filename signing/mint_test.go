package signing

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/verify"
)

// oneKey is a store that holds one record.
type oneKey struct {
	Store
	record Record
}

func (s oneKey) Keys(context.Context) ([]Record, error) { return []Record{s.record}, nil }

// fixedRing is a ring whose only key is that of a standard's example.
func fixedRing(t testing.TB, a verify.Algorithm) *Ring {
	t.Helper()
	c := Config{Algorithm: a, Now: func() time.Time { return start }}
	if a == verify.HS256 {
		c.Secret = rfc7515HMAC(t)
	} else {
		private := map[verify.Algorithm]crypto.Signer{
			verify.ES256: rfc7515P256(t), verify.Ed25519: rfc8037Ed25519(t), verify.RS256: rfc7515RSA(t),
		}[a]
		c.Master = newMaster(t, 1)
		c.Store = oneKey{record: sealedRecord(t, a, private, c.Master)}
	}
	r, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ada's are the claims of a session service.
func ada() verify.Claims {
	return verify.Claims{
		Issuer: "https://auth.example.com", Subject: "0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90", Audience: []string{"https://api.example.com"},
		ClientID: "web", IssuedAt: start, Expiry: start.Add(10 * time.Minute), ID: "jZae727K08KaOmKSZOaGzw",
		SessionID: "0123456789abcdef0123456789abcdef", AuthTime: start.Add(-time.Hour),
		Roles: []string{"moderator", "user"}, Epoch: 3, Username: "ada", Email: "ada@example.com",
	}
}

// parts are the decoded header and payload, and the signature as it stands.
func parts(t testing.TB, token string) (header, payload, signature string) {
	t.Helper()
	fields := strings.Split(token, ".")
	if len(fields) != 3 {
		t.Fatalf("%d parts: %s", len(fields), token)
	}
	return string(decode(t, fields[0])), string(decode(t, fields[1])), fields[2]
}

func TestGoldenTokens(t *testing.T) {
	t.Parallel()
	const payload = `{"iss":"https://auth.example.com","sub":"0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90","aud":"https://api.example.com",` +
		`"client_id":"web","iat":1795262400,"exp":1795263000,"jti":"jZae727K08KaOmKSZOaGzw","sid":"0123456789abcdef0123456789abcdef",` +
		`"auth_time":1795258800,"roles":["moderator","user"],"epoch":3,"preferred_username":"ada","email":"ada@example.com"}`
	tests := map[verify.Algorithm]struct{ header, signature string }{
		verify.ES256:   {`{"alg":"ES256","kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U","typ":"at+jwt"}`, "HHEbR11gXL1C3ApLwJIwYgZLWJAzHFNRH4DNxVsphH9w5UEozwQzCk28gs-Ipnlk6v80Z82kDbF9UNNtXvLJYQ"},
		verify.Ed25519: {`{"alg":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","typ":"at+jwt"}`, "HAS3qxIh3nj9oc6TMsTpjWgBcuW__QSeKj59ICmI7TnDOzlHIz_F0VmwnwuaJ_gAwUzOjGE8LATCjjcr7IbhAw"},
		verify.RS256:   {`{"alg":"RS256","kid":"IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8","typ":"at+jwt"}`, "M-ghWOXdTyUr_sWhT-1-oej07iB1BRYQJDPqXvVt4udsDVVSRpvDYWODHhtUH5huQ1PsgIgeB9mK_OOWXNHyk6nGKO3CR7To8WZjUAPXjhesivEbq0dji3Yos9IhHzeNK0FDP56IQU-VC78g-p-h4GVodmPvbx96_5sYp9mK1QYcSxfDW3LI0hE74wypL0pCP7-qbRcYPy1iz_mzY1-y8-_Gvbf-FTqBzmuxjiN5GkPDnsJh5j8rGhygbSsHbWAKA70NzEzDhJanZ6sYudI7TDPdfmseApPG7r6cjoD51yqXwxWpfZuILEQGISiIug5G3GLAYWtgQd5D-uufwY03hw"},
		verify.HS256:   {`{"alg":"HS256","typ":"at+jwt"}`, "ugnGMdM5lLZhfLEway6q7Ig5-qEgn78Stcwhbfne2w4"},
	}
	for algorithm, tt := range tests {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			r := fixedRing(t, algorithm)
			token, err := r.Mint(ada())
			if err != nil {
				t.Fatal(err)
			}
			gotHeader, gotPayload, gotSignature := parts(t, token)
			if diff := cmp.Diff([]string{tt.header, payload, tt.signature}, []string{gotHeader, gotPayload, gotSignature}); diff != "" {
				t.Error(diff)
			}
			v, err := verify.New(t.Context(), "https://auth.example.com", "https://api.example.com", verify.WithKeys(r), verify.WithNow(func() time.Time { return start }))
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(ada(), *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEmptyClaimsAreLeftOut(t *testing.T) {
	t.Parallel()
	c := ada()
	c.SessionID, c.AuthTime, c.Roles, c.Epoch, c.Username, c.Email = "", time.Time{}, nil, 0, "", ""
	c.Audience = []string{"https://api.example.com", "https://mail.example.com"}
	c.IssuedAt, c.Expiry = start.Add(999*time.Millisecond), start.Add(10*time.Minute+999*time.Millisecond)
	token, err := fixedRing(t, verify.HS256).Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"iss":"https://auth.example.com","sub":"0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90","aud":["https://api.example.com","https://mail.example.com"],` +
		`"client_id":"web","iat":1795262400,"exp":1795263000,"jti":"jZae727K08KaOmKSZOaGzw"}`
	if _, got, _ := parts(t, token); got != want {
		t.Errorf("the payload is %s\nwant           %s", got, want)
	}
}

func TestMintRefusesWhatIsNoAccessToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*verify.Claims)
		want   error
	}{
		"all well":                    {func(*verify.Claims) {}, nil},
		"the longest life":            {func(c *verify.Claims) { c.Expiry = c.IssuedAt.Add(10 * time.Minute) }, nil},
		"the session ends at once":    {func(c *verify.Claims) { c.Expiry = c.IssuedAt }, nil},
		"no issuer":                   {func(c *verify.Claims) { c.Issuer = "" }, ErrClaims},
		"no subject":                  {func(c *verify.Claims) { c.Subject = "" }, ErrClaims},
		"no audience":                 {func(c *verify.Claims) { c.Audience = nil }, ErrClaims},
		"an empty audience":           {func(c *verify.Claims) { c.Audience = []string{"api", ""} }, ErrClaims},
		"no client":                   {func(c *verify.Claims) { c.ClientID = "" }, ErrClaims},
		"no id":                       {func(c *verify.Claims) { c.ID = "" }, ErrClaims},
		"no time":                     {func(c *verify.Claims) { c.IssuedAt, c.Expiry = time.Time{}, time.Time{} }, ErrClaims},
		"no expiry":                   {func(c *verify.Claims) { c.Expiry = time.Time{} }, ErrClaims},
		"expired before it is issued": {func(c *verify.Claims) { c.Expiry = c.IssuedAt.Add(-1) }, ErrClaims},
		"too long a life":             {func(c *verify.Claims) { c.Expiry = c.IssuedAt.Add(10*time.Minute + 1) }, ErrClaims},
	}
	r := fixedRing(t, verify.HS256)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := ada()
			tt.change(&c)
			if token, err := r.Mint(c); !errors.Is(err, tt.want) || (err == nil) != (token != "") {
				t.Errorf("Mint = %q, %v; want %v", token, err, tt.want)
			}
		})
	}
}

func TestSignJWTSignsOtherClaims(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []verify.Algorithm{verify.ES256, verify.HS256} {
		r := fixedRing(t, algorithm)
		token, err := r.SignJWT("revocations+jwt", map[string]any{"iss": "https://auth.example.com", "entries": []string{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		header, payload, _ := parts(t, token)
		var h struct{ Alg, Kid, Typ string }
		if err := json.Unmarshal([]byte(header), &h); err != nil || h.Typ != "revocations+jwt" || h.Alg != string(algorithm) {
			t.Errorf("the header is %s, %v", header, err)
		}
		if payload != `{"entries":["a"],"iss":"https://auth.example.com"}` {
			t.Errorf("the payload is %s", payload)
		}
		k, err := r.Key(t.Context(), h.Kid)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Verify(token); err != nil {
			t.Errorf("it does not verify: %v", err)
		}
		v, err := verify.New(t.Context(), "https://auth.example.com", "api", verify.WithKeys(r))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrType) {
			t.Errorf("as an access token it is %v, want ErrType", err)
		}
	}
}

func TestSignJWTMakesNoAccessToken(t *testing.T) {
	t.Parallel()
	r := fixedRing(t, verify.HS256)
	for _, typ := range []string{"", "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"} {
		if token, err := r.SignJWT(typ, ada()); err == nil {
			t.Errorf("SignJWT(%q) = %s", typ, token)
		}
	}
	if token, err := r.SignJWT("test+jwt", math.NaN()); err == nil {
		t.Errorf("SignJWT of what JSON cannot say = %s", token)
	}
}

// reference is the payload as encoding/json writes it.
type reference struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  any      `json:"aud"`
	ClientID  string   `json:"client_id"`
	IssuedAt  int64    `json:"iat"`
	Expiry    int64    `json:"exp"`
	ID        string   `json:"jti"`
	SessionID string   `json:"sid,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Epoch     uint64   `json:"epoch,omitempty"`
	Username  string   `json:"preferred_username,omitempty"`
	Email     string   `json:"email,omitempty"`
}

func referenceOf(c *verify.Claims) reference {
	r := reference{
		Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, ClientID: c.ClientID, IssuedAt: c.IssuedAt.Unix(), Expiry: c.Expiry.Unix(),
		ID: c.ID, SessionID: c.SessionID, Roles: c.Roles, Epoch: c.Epoch, Username: c.Username, Email: c.Email,
	}
	if len(c.Audience) == 1 {
		r.Audience = c.Audience[0]
	}
	if !c.AuthTime.IsZero() {
		r.AuthTime = c.AuthTime.Unix()
	}
	return r
}

// Whatever the claims are, the payload says what encoding/json would say.
func FuzzClaims(f *testing.F) {
	f.Add("https://auth.example.com", "ada", "web", "user", uint64(3), int64(1795262400))
	f.Add("\"\\\x00\x1f\x7f", "é\u2028\u2029", "\xff\xfe", "<&>", uint64(math.MaxUint64), int64(-1))
	f.Add("", "\t\n\r\b\f", "𝄞", "\xed\xa0\x80", uint64(0), int64(0))
	f.Fuzz(func(t *testing.T, a, b, c, d string, epoch uint64, seconds int64) {
		at := time.Unix(seconds%1e10, 0)
		claims := verify.Claims{
			Issuer: a, Subject: b, Audience: strings.SplitN(c, " ", 3), ClientID: d, IssuedAt: at, Expiry: at.Add(time.Minute), ID: a + b,
			SessionID: c, AuthTime: at, Roles: strings.Fields(d), Epoch: epoch, Username: b, Email: d,
		}
		if at.Unix() == 0 {
			claims.AuthTime = time.Time{} // omitempty leaves it out
		}
		payload := appendClaims(nil, &claims)
		if !json.Valid(payload) || !utf8.Valid(payload) {
			t.Fatalf("not JSON: %q", payload)
		}
		want, err := json.Marshal(referenceOf(&claims))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(decodeJSON(t, payload), decodeJSON(t, want)) {
			t.Errorf("%s\nsays something else than\n%s", payload, want)
		}
	})
}

func decodeJSON(t *testing.T, encoded []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTheJWKSHasWhatVerifiersNeed(t *testing.T) {
	t.Parallel()
	tests := map[verify.Algorithm]string{
		verify.ES256:   `{"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`,
		verify.Ed25519: `{"keys":[{"kty":"OKP","use":"sig","alg":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		verify.RS256:   `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]}`,
		verify.HS256:   `{"keys":[]}`,
	}
	for algorithm, want := range tests {
		r := fixedRing(t, algorithm)
		if diff := cmp.Diff(want, string(r.JWKS())); diff != "" {
			t.Errorf("%s: %s", algorithm, diff)
		}
		r.JWKS()[0] = 'x' // nobody else sees it
		if got := string(r.JWKS()); got != want {
			t.Errorf("%s: a caller changed it to %s", algorithm, got)
		}
	}
}

func TestAnETagFollowsFromTheJWKS(t *testing.T) {
	t.Parallel()
	one, again, other := fixedRing(t, verify.ES256), fixedRing(t, verify.ES256), fixedRing(t, verify.Ed25519)
	if a, b := ETag(one.JWKS()), ETag(again.JWKS()); a != b {
		t.Errorf("two nodes tag one set as %s and %s", a, b)
	}
	if a, b := ETag(one.JWKS()), ETag(other.JWKS()); a == b {
		t.Errorf("two sets have the tag %s", a)
	}
	if got := ETag(nil); got != `"47DEQpj8HBSa-_TImW-5JA"` {
		t.Errorf("ETag of nothing = %s", got)
	}
}

// A signature begins with zeros once in 256 times, and then keeps its length.
func TestSignaturesKeepTheirLength(t *testing.T) {
	t.Parallel()
	k := fixedRing(t, verify.ES256).state.Load().keys[0]
	zeros := 0
	for n := range 1000 {
		signature, err := k.sign(nil, fmt.Appendf(nil, "message %d", n))
		if err != nil {
			t.Fatal(err)
		}
		if len(signature) != 64 {
			t.Fatalf("message %d has a signature of %d bytes", n, len(signature))
		}
		if signature[0] == 0 || signature[32] == 0 {
			zeros++
		}
		jws := append([]byte("eyJhbGciOiJFUzI1NiJ9."), base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d", n))...)
		if signature, err = k.sign(nil, jws); err != nil {
			t.Fatal(err)
		}
		if _, err := k.public.Verify(string(jws) + "." + base64.RawURLEncoding.EncodeToString(signature)); err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
	}
	if zeros == 0 {
		t.Error("no signature began with a zero: the test saw nothing")
	}
}

func TestMintingIsAllocatedSparingly(t *testing.T) {
	r, c := fixedRing(t, verify.HS256), ada()
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := r.Mint(c); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 12 {
		t.Errorf("%v allocations for a token", allocations)
	}
}
