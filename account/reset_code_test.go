package account

import (
	"bytes"
	"testing"
	"time"
)

func TestAResetCodeReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{1}, 32)
	want := resetCode{user: ID{0: 1, 15: 2}, epoch: 1<<63 + 5, expires: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	got, err := openResetCode(want.seal(key), [][]byte{bytes.Repeat([]byte{2}, 32), key})
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// Whatever opens is the one text of its content.
func FuzzResetCode(f *testing.F) {
	keys := [][]byte{bytes.Repeat([]byte{1}, 32)}
	f.Add(resetCode{user: ID{1}, epoch: 7, expires: time.Unix(1_800_000_000, 0)}.seal(keys[0]))
	f.Add("wwp_")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := openResetCode(text, keys)
		if err == nil && code.seal(keys[0]) != text {
			t.Errorf("%q opens as %+v, which is written %q", text, code, code.seal(keys[0]))
		}
	})
}
