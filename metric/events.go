package metric

import (
	"context"
	"time"

	"github.com/watchwordauth/watchword/audit"
)

// events measures the store of events.
type events struct {
	audit.Store
	verbsOf

	record, events, forget *verb
}

func newEvents(store audit.Store) *events {
	s := &events{Store: store, verbsOf: verbsOf{store: "events"}}
	s.record = s.verb("record")
	s.events = s.verb("events")
	s.forget = s.verb("forget")
	return s
}

func (s *events) Record(ctx context.Context, list ...audit.Event) error {
	ctx, call := s.record.start(ctx)
	err := s.Store.Record(ctx, list...)
	call.end(err)
	return err
}

func (s *events) Events(ctx context.Context, q audit.Query) ([]audit.Event, error) {
	ctx, call := s.events.start(ctx)
	found, err := s.Store.Events(ctx, q)
	call.end(err)
	return found, err
}

func (s *events) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	ctx, call := s.forget.start(ctx)
	n, err := s.Store.Forget(ctx, before, limit)
	call.end(err)
	return n, err
}
