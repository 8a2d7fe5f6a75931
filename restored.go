package watchword

import (
	"context"

	"github.com/watchwordauth/watchword/recovery"
	"github.com/watchwordauth/watchword/session"
)

// reopen finds out whether the store was restored from a backup, and keeps its
// recovery window in the policy. One that the policy has already is the caller's choice.
func (c *Config) reopen(ctx context.Context) error {
	if c.Policy.Recovery != (session.Recovery{}) {
		return nil
	}
	window, err := recovery.Window(ctx, c.Store.Events)
	if err != nil {
		return err
	}
	c.Policy.Recovery = window
	if window.ClosesAt.After(c.Now()) {
		c.Logger.Info("the store was restored: sessions that were refreshed since the backup go on",
			"backup", window.RestoredTo, "restored", window.ReopenedAt, "until", window.ClosesAt)
	}
	return nil
}

// record puts the journal beside the stores, and catches up with them.
func (s *Server) record(ctx context.Context) error {
	s.beneath = s.config.Store
	if s.config.Journal == nil {
		return nil
	}
	if err := s.config.Journal.Begin(ctx, s.beneath); err != nil {
		return err
	}
	s.config.Store = s.config.Journal.Keep(s.beneath)
	return nil
}
