package httpapi_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

// failingName is the one that the failing store cannot look up.
const failingName = "unreachable"

// failing is a user store that fails for one name.
type failing struct {
	account.Store
	err error // nil: an error nobody knows
}

func (f *failing) FindByUsername(ctx context.Context, key string) (account.User, error) {
	if key != failingName {
		return f.Store.FindByUsername(ctx, key)
	}
	if f.err == nil {
		return account.User{}, errors.New("disk full of eels")
	}
	return account.User{}, f.err
}

// brokenTrail is an event store that, once it is tired, is read so many times and
// then no more.
type brokenTrail struct {
	audit.Store
	tired atomic.Bool
	left  atomic.Int32
}

func (b *brokenTrail) Events(ctx context.Context, q audit.Query) ([]audit.Event, error) {
	if b.tired.Load() && b.left.Add(-1) < 0 {
		return nil, errors.New("disk full of eels")
	}
	return b.Store.Events(ctx, q)
}
