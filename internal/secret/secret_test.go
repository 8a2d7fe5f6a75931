package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// material is 32 bytes that differ by n.
func material(n byte) []byte {
	sum := sha256.Sum256([]byte{n})
	return sum[:]
}

func master(t testing.TB, current byte, old ...byte) *Master {
	t.Helper()
	var olds [][]byte
	for _, n := range old {
		olds = append(olds, material(n))
	}
	m, err := New(material(current), olds...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestACallerMayClearWhatItGave(t *testing.T) {
	t.Parallel()
	given := material(1)
	m, err := New(given)
	if err != nil {
		t.Fatal(err)
	}
	clear(given)
	if !bytes.Equal(m.Derive("a"), master(t, 1).Derive("a")) {
		t.Error("the secret went with it")
	}
}

func TestShortMaterialIsRefused(t *testing.T) {
	t.Parallel()
	if m, err := New(make([]byte, 31)); err == nil {
		t.Errorf("New of 31 bytes = %v, want an error", m)
	}
	if m, err := New(material(1), make([]byte, 31)); err == nil {
		t.Errorf("New with an old one of 31 bytes = %v, want an error", m)
	}
}

// What was derived once must be derived for ever: sessions and keys hang on it.
// The wanted value is computed by RFC 5869's own steps.
func TestDeriveFollowsTheStandard(t *testing.T) {
	t.Parallel()
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(strings.Join(parts, "")))
		return h.Sum(nil)
	}
	extracted := mac(make([]byte, 32), string(material(1)))
	want := mac(extracted, "watchword/derive/1/", "refresh tokens", "\x01")
	if got := master(t, 1).Derive("refresh tokens"); !bytes.Equal(got, want) {
		t.Errorf("Derive = %x, want %x", got, want)
	}
	if got, want := hex.EncodeToString(want), "1cb599335c2c9441eae6154475a726cd353c6374417992a5068bee4930ec0b96"; got != want {
		t.Errorf("the golden value is %s, want %s", got, want)
	}
}

func TestEveryPurposeHasItsKey(t *testing.T) {
	t.Parallel()
	m := master(t, 1, 2, 3)
	keys := [][]byte{m.Derive("a"), m.Derive("b"), m.Derive(""), m.keys[0].derive(sealPrefix + "a"), master(t, 2).Derive("a")}
	for i, a := range keys {
		for _, b := range keys[i+1:] {
			if bytes.Equal(a, b) {
				t.Errorf("two purposes or secrets share the key %x", a)
			}
		}
	}
	old := m.DeriveOld("a")
	if len(old) != 2 || !bytes.Equal(old[0], master(t, 2).Derive("a")) || !bytes.Equal(old[1], master(t, 3).Derive("a")) {
		t.Errorf("DeriveOld = %x, want those of the two old secrets", old)
	}
}

func TestAnEnvelopeOpensForItsPurposeAndID(t *testing.T) {
	t.Parallel()
	sealed := master(t, 1).Seal("signing key", "kid-1", []byte("private"))
	if bytes.Contains(sealed, []byte("private")) {
		t.Error("the envelope shows what is in it")
	}
	tests := map[string]struct {
		opener      *Master
		purpose, id string
		want        error
	}{
		"the same secret":           {master(t, 1), "signing key", "kid-1", nil},
		"the secret as an old one":  {master(t, 2, 3, 1), "signing key", "kid-1", nil},
		"another purpose":           {master(t, 1), "signing", "kid-1", ErrDamaged},
		"another id":                {master(t, 1), "signing key", "kid-2", ErrDamaged},
		"the id moved to a purpose": {master(t, 1), "signing keykid-1", "", ErrDamaged},
		"another secret":            {master(t, 2), "signing key", "kid-1", ErrSealed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, err := tt.opener.Open(tt.purpose, tt.id, sealed)
			if !errors.Is(err, tt.want) {
				t.Fatalf("Open = %v, want %v", err, tt.want)
			}
			if err == nil && string(plain) != "private" {
				t.Errorf("Open = %q", plain)
			}
		})
	}
}

func TestOnlyTheCurrentSecretSeals(t *testing.T) {
	t.Parallel()
	sealed := master(t, 2, 1).Seal("p", "id", []byte("x"))
	if _, err := master(t, 1).Open("p", "id", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("the old secret opens it: %v", err)
	}
	if _, err := master(t, 2).Open("p", "id", sealed); err != nil {
		t.Errorf("the current secret does not open it: %v", err)
	}
}

func TestEveryChangedBitIsNoticed(t *testing.T) {
	t.Parallel()
	m := master(t, 1)
	sealed := m.Seal("p", "id", []byte("private"))
	for i := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[i/8] ^= 1 << (i % 8)
		if plain, err := m.Open("p", "id", changed); err == nil {
			t.Errorf("with bit %d changed it opens as %q", i, plain)
		}
	}
	for n := range len(sealed) {
		if plain, err := m.Open("p", "id", sealed[:n]); err == nil {
			t.Errorf("cut to %d bytes it opens as %q", n, plain)
		}
	}
}

func TestTheSameTextIsNeverSealedTheSameTwice(t *testing.T) {
	t.Parallel()
	m := master(t, 1)
	if bytes.Equal(m.Seal("p", "id", []byte("x")), m.Seal("p", "id", []byte("x"))) {
		t.Error("two envelopes are equal")
	}
}

// An envelope from a database of today must open in years.
func TestAnEnvelopeOfVersion1Opens(t *testing.T) {
	t.Parallel()
	const envelope = "01a0213504f0ef0fdcadd074fd6dfc959151bfa3fbc647ed0fd504537096c93bf906783eb93528d4414cc342"
	sealed, err := hex.DecodeString(envelope)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := master(t, 1).Open("signing key", "kid-1", sealed)
	if err != nil || string(plain) != "private" {
		t.Errorf("Open = %q, %v", plain, err)
	}
}

func TestAMasterNeverPrints(t *testing.T) {
	t.Parallel()
	m := master(t, 1, 2)
	type holder struct {
		Exported *Master
		hidden   *Master
		value    Master
	}
	h := holder{m, m, *m}
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, m), fmt.Sprintf(verb, *m), fmt.Sprintf(verb, h), fmt.Sprintf(verb, &h))
		if got := fmt.Sprintf(verb, m); got != "[secret]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("m", "master", m, "value", *m, "holder", h)
	}
	if strings.Count(log.String(), "[secret]") < 4 {
		t.Errorf("the log does not say [secret]: %s", &log)
	}
	encoded, err := json.Marshal(map[string]any{"pointer": m, "value": *m, "holder": h})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(encoded), "[secret]") < 3 {
		t.Errorf("JSON does not say [secret]: %s", encoded)
	}
	printed = append(printed, log.String(), string(encoded))
	for _, text := range printed {
		for _, n := range []byte{1, 2} {
			secret := material(n)
			for _, spelling := range []string{string(secret), hex.EncodeToString(secret), fmt.Sprint(secret), strings.Trim(fmt.Sprint(secret), "[]"), fmt.Sprintf("%#v", secret)} {
				if strings.Contains(strings.ToLower(text), spelling) {
					t.Errorf("the secret is printed: %s", text)
				}
			}
		}
	}
}

func TestBytesNeverPrint(t *testing.T) {
	t.Parallel()
	holder := struct{ Shared Bytes }{material(1)}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "shared", holder.Shared, "holder", holder)
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{log.String(), string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, holder))
	}
	for _, text := range printed {
		if !strings.Contains(text, "[secret]") || strings.Contains(text, hex.EncodeToString(material(1))) {
			t.Errorf("it prints as %s", text)
		}
	}
}

func TestAnIDNamesASecretWithoutTellingIt(t *testing.T) {
	t.Parallel()
	if a, b := master(t, 1, 2).ID(), master(t, 1).ID(); a != b {
		t.Errorf("the id depends on the old secrets: %s, %s", a, b)
	}
	if master(t, 1).ID() == master(t, 2).ID() {
		t.Error("two secrets have one id")
	}
}

func FuzzOpen(f *testing.F) {
	m := master(f, 1)
	f.Add([]byte(nil))
	f.Add(m.Seal("p", "id", nil))
	f.Add(m.Seal("p", "id", []byte("private")))
	f.Add(m.Seal("p", "other", []byte("private")))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		plain, err := m.Open("p", "id", envelope)
		if err == nil && len(envelope) != minEnvelope+len(plain) {
			t.Errorf("%x opens as %x", envelope, plain)
		}
		if err != nil && !errors.Is(err, ErrSealed) && !errors.Is(err, ErrDamaged) {
			t.Errorf("Open = %v", err)
		}
	})
}
