package uuid

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNewSortsByTime(t *testing.T) {
	t.Parallel()
	moment := time.UnixMilli(1_790_000_000_000)
	earlier, later := New(moment, rand.Reader), New(moment.Add(time.Microsecond), rand.Reader)
	if earlier.String() >= later.String() {
		t.Errorf("%s does not sort before %s", earlier, later)
	}
}

// The example of RFC 9562, appendix A.6: its time and its random bits, of which
// twelve are a fraction of a millisecond here.
func TestNewAgreesWithTheStandard(t *testing.T) {
	t.Parallel()
	random := strings.NewReader("\x18\xc4\xdc\x0c\x0c\x07\x39\x8f")
	fraction := 797_608 * time.Nanosecond // 0xcc3 of 4096 parts
	id := New(time.UnixMilli(0x017F22E279B0).Add(fraction), random)
	if got, want := id.String(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; got != want {
		t.Errorf("New = %s, want %s", got, want)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	id := New(time.UnixMilli(1_790_000_000_000), rand.Reader)
	for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
		if got, err := Parse(text); err != nil || got != id {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, id)
		}
	}
	for _, text := range []string{"", "x", id.String() + "0", strings.ReplaceAll(id.String(), "-", ""), "g" + id.String()[1:], strings.Replace(id.String(), "-", "0", 1)} {
		if _, err := Parse(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q) = %v, want ErrMalformed", text, err)
		}
	}
}
