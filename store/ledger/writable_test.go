package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
)

// teller is a store that tells whether it takes writes.
type teller struct {
	session.Store
	err error
}

func (t teller) Writable(context.Context) error { return t.err }

func TestItTakesWritesIfBothStoresDo(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	silent := memory.New().Sessions
	for name, row := range map[string]struct {
		fast, durable session.Store
		want          error
	}{
		"both do":             {fast: teller{}, durable: teller{}},
		"the fast one not":    {fast: teller{err: full}, durable: teller{}, want: full},
		"the durable one not": {fast: teller{}, durable: teller{err: full}, want: full},
		"one does not tell":   {fast: teller{err: full}, durable: silent, want: full},
		"neither tells":       {fast: silent, durable: silent},
	} {
		both, tells := ledger.Keep(row.fast, row.durable, ledger.Options{}).(interface{ Writable(context.Context) error })
		if !tells {
			t.Fatal("it does not tell")
		}
		if err := both.Writable(t.Context()); !errors.Is(err, row.want) {
			t.Errorf("%s: Writable = %v, want %v", name, err, row.want)
		}
	}
}
