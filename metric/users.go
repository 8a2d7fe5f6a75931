package metric

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// users measures the store of users.
type users struct {
	account.Store
	verbsOf

	add, find, findByUsername, findByEmail, list, count, replaceHash, setPassword, setPasswordIf, setRoles, setBlock, clearBlock, epochsSince *verb
}

func newUsers(store account.Store) *users {
	s := &users{Store: store, verbsOf: verbsOf{store: "users"}}
	s.add = s.verb("add")
	s.find = s.verb("find")
	s.findByUsername = s.verb("find_by_username")
	s.findByEmail = s.verb("find_by_email")
	s.list = s.verb("list")
	s.count = s.verb("count")
	s.replaceHash = s.verb("replace_hash")
	s.setPassword = s.verb("set_password")
	s.setPasswordIf = s.verb("set_password_if")
	s.setRoles = s.verb("set_roles")
	s.setBlock = s.verb("set_block")
	s.clearBlock = s.verb("clear_block")
	s.epochsSince = s.verb("epochs_since")
	return s
}

func (s *users) Add(ctx context.Context, u account.User) error {
	ctx, call := s.add.start(ctx)
	err := s.Store.Add(ctx, u)
	call.end(err)
	return err
}

func (s *users) Find(ctx context.Context, id account.ID) (account.User, error) {
	ctx, call := s.find.start(ctx)
	found, err := s.Store.Find(ctx, id)
	call.end(err)
	return found, err
}

func (s *users) FindByUsername(ctx context.Context, key string) (account.User, error) {
	ctx, call := s.findByUsername.start(ctx)
	found, err := s.Store.FindByUsername(ctx, key)
	call.end(err)
	return found, err
}

func (s *users) FindByEmail(ctx context.Context, key string) (account.User, error) {
	ctx, call := s.findByEmail.start(ctx)
	found, err := s.Store.FindByEmail(ctx, key)
	call.end(err)
	return found, err
}

func (s *users) List(ctx context.Context, q account.Query) ([]account.User, error) {
	ctx, call := s.list.start(ctx)
	found, err := s.Store.List(ctx, q)
	call.end(err)
	return found, err
}

func (s *users) Count(ctx context.Context) (all, blocked int, err error) {
	ctx, call := s.count.start(ctx)
	all, blocked, err = s.Store.Count(ctx)
	call.end(err)
	return all, blocked, err
}

func (s *users) ReplaceHash(ctx context.Context, id account.ID, old, new string) (bool, error) {
	ctx, call := s.replaceHash.start(ctx)
	did, err := s.Store.ReplaceHash(ctx, id, old, new)
	call.end(err)
	return did, err
}

func (s *users) SetPassword(ctx context.Context, id account.ID, hash string, at time.Time) (account.User, error) {
	ctx, call := s.setPassword.start(ctx)
	changed, err := s.Store.SetPassword(ctx, id, hash, at)
	call.end(err)
	return changed, err
}

func (s *users) SetRoles(ctx context.Context, id account.ID, roles []string, at time.Time) (account.User, error) {
	ctx, call := s.setRoles.start(ctx)
	changed, err := s.Store.SetRoles(ctx, id, roles, at)
	call.end(err)
	return changed, err
}

func (s *users) SetBlock(ctx context.Context, id account.ID, block account.Block) (account.User, error) {
	ctx, call := s.setBlock.start(ctx)
	changed, err := s.Store.SetBlock(ctx, id, block)
	call.end(err)
	return changed, err
}

func (s *users) ClearBlock(ctx context.Context, id account.ID, at time.Time) (account.User, error) {
	ctx, call := s.clearBlock.start(ctx)
	changed, err := s.Store.ClearBlock(ctx, id, at)
	call.end(err)
	return changed, err
}

func (s *users) EpochsSince(ctx context.Context, at time.Time) ([]account.EpochChange, error) {
	ctx, call := s.epochsSince.start(ctx)
	found, err := s.Store.EpochsSince(ctx, at)
	call.end(err)
	return found, err
}

func (s *users) SetPasswordIf(ctx context.Context, id account.ID, epoch uint64, hash string, at time.Time) (account.User, bool, error) {
	ctx, call := s.setPasswordIf.start(ctx)
	changed, did, err := s.Store.SetPasswordIf(ctx, id, epoch, hash, at)
	call.end(err)
	return changed, did, err
}
