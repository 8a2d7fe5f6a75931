package lock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/watchwordauth/watchword/internal/lock"
)

func TestOneHolderAtATime(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "lock")
	first, err := lock.Open(name, os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Open(name, 0); !errors.Is(err, lock.ErrLocked) {
		t.Errorf("the second holder gets %v", err)
	}
	first.Close()
	second, err := lock.Open(name, 0)
	if err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	second.Close()
}
