package redisstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/store/redisstore"
)

func TestWhatIsWrittenToSeeWhetherItCanBeIsTakenBack(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		address = empty(t, address)
		client := raw(t, address)
		defer client.Close()
		s := connect(t, address)
		for range 3 {
			if err := s.Writable(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if left := keys(t, client, prefixOf(t, address)); len(left) != 0 {
			t.Errorf("it leaves %q", left)
		}
	})
}

// Sessions are everywhere in a Cluster: one server that takes no writes is enough.
func TestEachServerOfAClusterMustTakeWrites(t *testing.T) {
	t.Parallel()
	c := launchCluster(t, false)
	s := connect(t, c.address())
	for _, m := range c.nodes {
		if err := s.Writable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if answer := m.Ask("CONFIG", "SET", "min-replicas-to-write", "1"); answer != "OK" {
			t.Fatal(answer)
		}
		if err := s.Writable(t.Context()); !errors.Is(err, redisstore.ErrUnavailable) || !strings.Contains(err.Error(), "min-replicas-to-write") {
			t.Errorf("while one lacks its replicas Writable = %v, want %v", err, redisstore.ErrUnavailable)
		}
		if answer := m.Ask("CONFIG", "SET", "min-replicas-to-write", "0"); answer != "OK" {
			t.Fatal(answer)
		}
	}
	if err := s.Writable(t.Context()); err != nil {
		t.Errorf("afterwards Writable = %v", err)
	}
}

// A Redis that could not save itself takes no writes from then on.
func TestASnapshotThatFailedIsTold(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t, "--save", "3600", "1")
	s := connect(t, m.Address())
	if err := s.Writable(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(m.Folder); err != nil { // there is no place for it any more
		t.Fatal(err)
	}
	if answer := m.Ask("BGSAVE"); !strings.HasPrefix(answer, "Background saving") {
		t.Fatal(answer)
	}
	eventually(t, "it is told", func() bool {
		err := s.Writable(t.Context())
		return errors.Is(err, redisstore.ErrUnavailable) && strings.Contains(err.Error(), "cannot write its disk")
	})
}

// Nobody else writes: that the disk is full is found by asking.
func TestAFullDiskIsTold(t *testing.T) {
	t.Parallel()
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED: no disk becomes full: %v", err)
	}
	m := servertest.StartRedis(t, "--appendonly", "yes")
	s := connect(t, m.Address())
	if err := s.Writable(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The next file that it appends to is on a disk that is always full.
	next := filepath.Join(m.Folder, "appendonlydir", "appendonly.aof.2.incr.aof")
	if err := os.Symlink(full, next); err != nil {
		t.Fatal(err)
	}
	if answer := m.Ask("BGREWRITEAOF"); !strings.HasPrefix(answer, "Background") {
		t.Fatal(answer)
	}
	eventually(t, "it is told", func() bool {
		err := s.Writable(t.Context())
		return errors.Is(err, redisstore.ErrUnavailable) && strings.Contains(err.Error(), "cannot write its disk")
	})
}
