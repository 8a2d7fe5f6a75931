package session

import (
	"errors"
	"testing"
)

func TestPeekReadsWithoutAKey(t *testing.T) {
	t.Parallel()
	want := Token{handle: goldenHandle, Generation: 7, IssuedAt: goldenTime}
	got, keyID, err := Peek(goldenKeys(t).Seal(want, "watchword", Cookie))
	if err != nil || got != want || keyID != 1 {
		t.Errorf("Peek = %v, key %d, %v; want %v, key 1", got, keyID, err, want)
	}
	for _, text := range []string{"", "wwr_", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "wwr_" + "\n" + "AQEAAQIDBAUGBwgJCgsMDQ4PAAAAB2sBh8ABrFmNbvDGNh9duD2G6yg"} {
		if _, _, err := Peek(text); !errors.Is(err, ErrToken) {
			t.Errorf("Peek(%q) = %v, want ErrToken", text, err)
		}
	}
}
