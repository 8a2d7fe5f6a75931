package sqlstore

import (
	"errors"
	"testing"
)

// A database that reads and takes no writes must not look well.
func TestWritableWrites(t *testing.T) {
	t.Parallel()
	db := open(t)
	for range 2 {
		before := logSize(db.keeper.log)
		if err := db.Writable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := logSize(db.keeper.log); after <= before {
			t.Errorf("the log has %d bytes, and had %d: nothing was written", after, before)
		}
	}
	if _, err := db.relaxed.Exec("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Writable(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Writable = %v, want %v", err, ErrUnavailable)
	}
}
