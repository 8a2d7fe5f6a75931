package session

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

var (
	goldenKey    = bytes.Repeat([]byte{0x2a}, 32)
	goldenHandle = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	goldenTime   = time.Unix(1_795_262_400, 0).UTC()
)

func goldenKeys(t testing.TB) *TokenKeys {
	t.Helper()
	keys, err := NewTokenKeys(TokenKey{ID: 1, Secret: goldenKey})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// The format is a promise to every token in the field: it changes only with the
// version byte. The expected text was computed apart, with
// Python's hmac and hashlib, from the comment of Seal.
func TestTokenIsGolden(t *testing.T) {
	t.Parallel()
	keys := goldenKeys(t)
	token := Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}
	const want = "wwr_AQEAAQIDBAUGBwgJCgsMDQ4PAAAAB2sBh8ABrFmNbvDGNh9duD2G6ygi"
	if got := keys.Seal(token, "watchword", Body); got != want {
		t.Errorf("Seal = %s, want %s", got, want)
	}
	if got, want := token.SessionID().String(), "f10b96e8c9bc35090ab25a31395d13b5"; got != want {
		t.Errorf("SessionID = %s, want %s", got, want)
	}
}

func TestOpenReturnsWhatWasSealed(t *testing.T) {
	t.Parallel()
	keys := goldenKeys(t)
	for _, generation := range []uint32{1, 2, 1 << 20, MaxGeneration} {
		token := Token{handle: goldenHandle, Generation: generation, IssuedAt: goldenTime}
		for _, d := range []Delivery{Body, Cookie} {
			text := keys.Seal(token, "app", d)
			if len(text) != 60 {
				t.Errorf("a token has %d characters, want 60", len(text))
			}
			if got, err := keys.Open(text, "app", d); err != nil || got != token {
				t.Errorf("Open(Seal(%v)) = %v, %v", token, got, err)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	keys := goldenKeys(t)
	token := Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}
	good := keys.Seal(token, "app", Body)
	other, err := NewTokenKeys(TokenKey{ID: 1, Secret: bytes.Repeat([]byte{0x2b}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := NewTokenKeys(TokenKey{ID: 2, Secret: goldenKey})
	if err != nil {
		t.Fatal(err)
	}
	body := good[len(TokenPrefix):]
	for name, text := range map[string]string{
		"nothing":                       "",
		"only the prefix":               TokenPrefix,
		"no prefix":                     body,
		"another prefix":                "wwx_" + body,
		"too short":                     good[:59],
		"too long":                      good + "A",
		"padding":                       good + "=",
		"a line feed at the end":        good + "\n",
		"a line feed inside":            good[:20] + "\n" + good[20:59],
		"a carriage return inside":      good[:20] + "\r" + good[21:],
		"standard base64":               TokenPrefix + strings.Repeat("+", 56),
		"a space":                       good[:20] + " " + good[21:],
		"a cookie's token in a body":    keys.Seal(token, "app", Cookie),
		"another client's":              keys.Seal(token, "api", Body),
		"sealed by another key":         other.Seal(token, "app", Body),
		"sealed by a key that is gone":  unknown.Seal(token, "app", Body),
		"generation zero":               keys.Seal(Token{handle: goldenHandle, IssuedAt: goldenTime}, "app", Body),
		"the generation after the last": keys.Seal(Token{handle: goldenHandle, Generation: MaxGeneration + 1, IssuedAt: goldenTime}, "app", Body),
		"another version":               reseal(t, good, func(raw []byte) { raw[0] = 2 }),
		"another generation":            reseal(t, good, func(raw []byte) { raw[21]++ }),
		"another time":                  reseal(t, good, func(raw []byte) { raw[25]++ }),
		"another handle":                reseal(t, good, func(raw []byte) { raw[5] ^= 1 }),
		"a broken mac":                  reseal(t, good, func(raw []byte) { raw[41] ^= 1 }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := keys.Open(text, "app", Body); !errors.Is(err, ErrToken) {
				t.Errorf("Open = %v, want ErrToken", err)
			}
		})
	}
}

func TestTokenKeysAreReplacedWithoutSigningOut(t *testing.T) {
	t.Parallel()
	old := goldenKeys(t)
	token := Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}
	text := old.Seal(token, "app", Body)
	for _, id := range []byte{2, 1} { // a number of its own, and by chance the same
		both, err := NewTokenKeys(TokenKey{ID: id, Secret: bytes.Repeat([]byte{9}, 32)}, TokenKey{ID: 1, Secret: goldenKey})
		if err != nil {
			t.Fatal(err)
		}
		renewed := both.Seal(token, "app", Body)
		for _, one := range []string{text, renewed} {
			if got, err := both.Open(one, "app", Body); err != nil || got != token {
				t.Errorf("Open = %v, %v", got, err)
			}
		}
		if _, err := old.Open(renewed, "app", Body); !errors.Is(err, ErrToken) {
			t.Errorf("the new key's token opened with the old key alone: %v", err)
		}
	}
}

func TestNewTokenKeysRefusesWeakKeys(t *testing.T) {
	t.Parallel()
	good, weak := TokenKey{ID: 1, Secret: make([]byte, 32)}, TokenKey{ID: 2, Secret: make([]byte, 31)}
	if _, err := NewTokenKeys(weak); err == nil {
		t.Error("31 bytes were accepted")
	}
	if _, err := NewTokenKeys(good, weak); err == nil {
		t.Error("31 bytes of an old key were accepted")
	}
}

// However a token is printed, its handle and its text are not in it.
func TestTokenPrintsNoSecret(t *testing.T) {
	t.Parallel()
	token := Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("refresh", "token", token)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s", token, token, token, token)
	for _, secret := range []string{hex.EncodeToString(goldenHandle[:]), base64.RawURLEncoding.EncodeToString(goldenHandle[:]), "0x1, 0x2, 0x3", "1 2 3 4"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%q is in %s", secret, printed)
		}
	}
	if !strings.Contains(printed, token.SessionID().String()) {
		t.Errorf("the session is not in %s", printed)
	}
}

// Whatever opens is sealed to the very same text: there is one text for a token.
func FuzzOpen(f *testing.F) {
	keys := goldenKeys(f)
	good := keys.Seal(Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}, "app", Body)
	f.Add(good)
	f.Add(good[:59] + "\n")
	f.Add(TokenPrefix)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := keys.Open(text, "app", Body)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Errorf("Open = %v, want ErrToken", err)
			}
			return
		}
		if again := keys.Seal(token, "app", Body); again != text {
			t.Errorf("%q opened, but is sealed as %q", text, again)
		}
	})
}

// reseal changes the bytes of a token and leaves its mac as it was.
func reseal(t *testing.T, text string, change func(raw []byte)) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text[len(TokenPrefix):])
	if err != nil {
		t.Fatal(err)
	}
	change(raw)
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

func BenchmarkOpen(b *testing.B) {
	keys := goldenKeys(b)
	text := keys.Seal(Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}, "app", Body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Open(text, "app", Body); err != nil {
			b.Fatal(err)
		}
	}
}
