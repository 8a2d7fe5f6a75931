package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"
)

// agents is what programs call themselves: browsers of people first, and then the
// rest.
var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.0.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
	"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
	"okhttp/4.12.0", "OurApp/3.2.1 CFNetwork/1496.0.7 Darwin/23.5.0", "Dart/3.4 (dart:io)", "axios/1.7.2", "curl/8.5.0", "",
}

func FuzzShortTextsAreTheSameAgain(f *testing.F) {
	for _, text := range append([]string{"203.0.113.77", "2001:db8::1", "::ffff:203.0.113.77", "fe80::1%eth0", "203.0.113.077", "\xff", "\xfe\x01\x02\x03\x04", "naïve", "a\x00"}, agents...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for what, short := range map[string][]byte{"agent": shortAgent(text), "address": shortIP(text)} {
			if got, err := long(short); got != text || err != nil {
				t.Errorf("the %s %q became %x and then %q, %v", what, text, short, got, err)
			}
			if len(short) > len(text)+1 {
				t.Errorf("the %s %q grew to %d bytes", what, text, len(short))
			}
		}
		// What was written before anything was made short is read as it is.
		if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
			if got, err := long([]byte(text)); got != text || err != nil {
				t.Errorf("ASCII %q is read as %q, %v", text, got, err)
			}
		}
	})
}

func TestWhatBrowsersCallThemselvesIsShort(t *testing.T) {
	t.Parallel()
	total := 0
	for _, agent := range agents {
		short := shortAgent(agent)
		t.Logf("%3d → %2d bytes  %s", len(agent), len(short), agent)
		total += len(short)
	}
	if average := total / len(agents); average > 12 {
		t.Errorf("user agents take %d bytes on average", average)
	}
	if n := len(shortIP("203.0.113.77")); n != 5 {
		t.Errorf("an IPv4 address takes %d bytes", n)
	}
	if n := len(shortIP("2001:db8:85a3::8a2e:370:7334")); n != 17 {
		t.Errorf("an IPv6 address takes %d bytes", n)
	}
}

// Rows hold the numbers of phrases. If this fails a phrase was changed or moved:
// add new ones at the end, and here what their beginning was.
func TestPhrasesStayWhatTheyWere(t *testing.T) {
	t.Parallel()
	const released, digest = 73, "c58c6c54eaa03c15"
	if len(phrases) > asIPv6-firstPhrase {
		t.Errorf("%d phrases are too many", len(phrases))
	}
	sum := sha256.Sum256([]byte(strings.Join(phrases[:released], "\n")))
	if got := hex.EncodeToString(sum[:8]); got != digest {
		t.Errorf("the first %d phrases have the digest %s, want %s", released, got, digest)
	}
}

func TestBytesOfANewerProgramAreNotGuessed(t *testing.T) {
	t.Parallel()
	for _, short := range [][]byte{{firstPhrase + byte(len(phrases))}, {asIPv6, 1}, {asIPv4}, {'a', asItIs}} {
		if text, err := long(short); err == nil {
			t.Errorf("%x is read as %q", short, text)
		}
	}
}

func BenchmarkShortAgent(b *testing.B) {
	for b.Loop() {
		shortAgent(agents[2])
	}
}
