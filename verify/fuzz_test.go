package verify_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/watchwordauth/watchword/verify"
)

// FuzzVerify throws texts at a verifier. Only the two tokens that the issuer
// signed are accepted, whatever is done to them.
func FuzzVerify(f *testing.F) {
	s := signers()[verify.Ed25519]
	genuine := map[string]bool{s.token(f, claims(nil)): true, s.token(f, claims(map[string]any{"aud": []string{"x", audience}})): true}
	for token := range genuine {
		f.Add(token)
		f.Add(strings.Replace(token, ".", "..", 1))
	}
	for _, attack := range attacks() {
		if token := attack.token(f, s); len(token) < 20000 {
			f.Add(token)
		}
	}
	for _, standard := range standards {
		f.Add(standard.jws)
	}
	v := s.verifier(f)
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(t.Context(), token)
		if (claims == nil) == (err == nil) {
			t.Fatalf("claims %v beside error %v", claims, err)
		}
		if err == nil && !genuine[token] {
			t.Fatalf("accepted what nobody signed: %q", token)
		}
	})
}

// FuzzClaims signs payloads: what is accepted must be JSON, and encoding/json must
// read the same out of it.
func FuzzClaims(f *testing.F) {
	f.Add(jsonText(f, claims(nil)))
	f.Add(jsonText(f, claims(map[string]any{"aud": []string{audience, "b"}, "roles": []string{"a", "b", "c", "d", "e"}})))
	f.Add(strings.Replace(jsonText(f, claims(nil)), "ada", `\u0061d\n\ud83d\ude00`, 1))
	f.Add(`{"iss":"x","ISS":"y"}`)
	f.Add(`{"x":[1.5e3,-0,{"y":null},true,false,"\"\\\/\b\f\n\r\t"]}`)
	s := signers()[verify.HS256]
	v := s.verifier(f, verify.WithCacheSize(0))
	f.Fuzz(func(t *testing.T, payload string) {
		if len(payload) > 8000 {
			return
		}
		got, err := v.Verify(t.Context(), s.token(t, payload))
		if err != nil {
			return
		}
		if !utf8.ValidString(payload) {
			t.Fatal("accepted invalid UTF-8")
		}
		var want struct {
			Issuer   string      `json:"iss"`
			Subject  string      `json:"sub"`
			ClientID string      `json:"client_id"`
			ID       string      `json:"jti"`
			Session  string      `json:"sid"`
			Roles    []string    `json:"roles"`
			Epoch    uint64      `json:"epoch"`
			Username string      `json:"preferred_username"`
			Email    string      `json:"email"`
			Expiry   json.Number `json:"exp"`
		}
		if err := json.Unmarshal([]byte(payload), &want); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		whole, _, _ := strings.Cut(want.Expiry.String(), ".")
		expiry, err := json.Number(whole).Int64()
		if err != nil || got.Expiry.Unix() != expiry {
			t.Fatalf("exp read as %d, want %s", got.Expiry.Unix(), want.Expiry)
		}
		same := got.Issuer == want.Issuer && got.Subject == want.Subject && got.ClientID == want.ClientID &&
			got.ID == want.ID && got.SessionID == want.Session && got.Epoch == want.Epoch &&
			got.Username == want.Username && got.Email == want.Email && strings.Join(got.Roles, "\x00") == strings.Join(want.Roles, "\x00")
		if !same {
			t.Fatalf("read as %+v, want %+v", got, want)
		}
	})
}

// FuzzKeys reads key sets: what is accepted must be JSON and hold usable keys.
func FuzzKeys(f *testing.F) {
	for _, standard := range standards {
		f.Add(`{"keys":[` + standard.key + `]}`)
	}
	f.Add(`{"keys":[` + good + `,` + goodOct + `]}`)
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := verify.ParseKeys([]byte(text))
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) || len(keys) == 0 {
			t.Fatalf("%d keys of %q", len(keys), text)
		}
		if _, err := verify.New(t.Context(), issuer, audience, verify.WithKeys(verify.StaticKeys(keys...))); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if _, err := key.Verify("eyJhbGciOiJFUzI1NiJ9." + joe + ".AAAA"); err == nil {
				t.Fatal("a signature of three bytes is accepted")
			}
		}
	})
}
