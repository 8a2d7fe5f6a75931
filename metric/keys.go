package metric

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/signing"
)

// keys measures the store of keys.
type keys struct {
	signing.Store
	verbsOf

	keys, add, retire, revoke, remove *verb
}

func newKeys(store signing.Store) *keys {
	s := &keys{Store: store, verbsOf: verbsOf{store: "keys"}}
	s.keys = s.verb("keys")
	s.add = s.verb("add")
	s.retire = s.verb("retire")
	s.revoke = s.verb("revoke")
	s.remove = s.verb("remove")
	return s
}

func (s *keys) Keys(ctx context.Context) ([]signing.Record, error) {
	ctx, call := s.keys.start(ctx)
	found, err := s.Store.Keys(ctx)
	call.end(err)
	return found, err
}

func (s *keys) Add(ctx context.Context, r signing.Record) error {
	ctx, call := s.add.start(ctx)
	err := s.Store.Add(ctx, r)
	call.end(err)
	return err
}

func (s *keys) Retire(ctx context.Context, id string, at time.Time) error {
	ctx, call := s.retire.start(ctx)
	err := s.Store.Retire(ctx, id, at)
	call.end(err)
	return err
}

func (s *keys) Revoke(ctx context.Context, id string, at time.Time) error {
	ctx, call := s.revoke.start(ctx)
	err := s.Store.Revoke(ctx, id, at)
	call.end(err)
	return err
}

func (s *keys) Remove(ctx context.Context, id string) error {
	ctx, call := s.remove.start(ctx)
	err := s.Store.Remove(ctx, id)
	call.end(err)
	return err
}
