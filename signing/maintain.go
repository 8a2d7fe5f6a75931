package signing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/verify"
)

// ErrShared is returned by RotateNow for HS256.
var ErrShared = errors.New("the key of HS256 is the shared secret: change the setting, here and at every resource server, and restart")

// Maintain does one round of what keeps the keys fresh: it reads the store, does
// what is due, and reads again. If there is a key that cannot be used it reports
// that, goes on with the others, and changes nothing: it may be this node that is
// wrong. The owner of the Ring calls it every MaintainEvery; to call it oftener, or
// on several nodes at once, does no harm.
func (r *Ring) Maintain(ctx context.Context) error {
	return r.round(ctx, false, "system", func(records []Record, now time.Time) []action {
		return plan(records, r.policy, now)
	})
}

// Reload takes over what other nodes did, and does nothing else. The owner of the
// Ring calls it every ReloadEvery.
func (r *Ring) Reload(ctx context.Context) error {
	return r.round(ctx, false, "system", func([]Record, time.Time) []action { return nil })
}

// RotateNow adds a key out of turn. Usually it is published like any other and
// signs after twice the max-age of the JWKS. If revoke is set it signs at once and
// all others are revoked: what they signed is not accepted any more, here at once,
// on other nodes within ReloadEvery, at resource servers that follow the revocations
// with their next heartbeat, at those that merely cache the JWKS within its max-age;
// clients get a new token by refreshing. The actor is who
// wanted it, for the event: a user's id or "cli".
func (r *Ring) RotateNow(ctx context.Context, revoke bool, actor string) error {
	if r.config.Algorithm == verify.HS256 {
		return fmt.Errorf("rotate the signing keys: %w", ErrShared)
	}
	if revoke {
		// A caller who gives up must not leave the lost keys unrevoked.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
	}
	err := r.round(ctx, revoke, actor, func(records []Record, now time.Time) []action {
		return planRotation(records, r.policy, now, revoke)
	})
	if err != nil {
		return fmt.Errorf("rotate the signing keys: %w", err)
	}
	return nil
}

// attempts is how often a round begins again because another node was first.
// Each time there is a key more in the store, so it rarely needs a second.
const attempts = 10

// round reads the store, decides, acts, and reads again if it acted. Keys that
// cannot be used end it, unless it is forced.
func (r *Ring) round(ctx context.Context, forced bool, actor string, decide func([]Record, time.Time) []action) error {
	if r.config.Algorithm == verify.HS256 {
		return nil
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for range attempts {
		records, problems := r.reload(ctx)
		if problems != nil && (records == nil || !forced) {
			return problems
		}
		due := decide(records, r.now())
		if len(due) == 0 {
			return problems
		}
		acted := r.act(ctx, actor, due)
		if errors.Is(acted, ErrTaken) {
			continue
		}
		_, problems = r.reload(ctx)
		return errors.Join(acted, problems)
	}
	return fmt.Errorf("add a key, %d times: %w", attempts, ErrTaken)
}

// now is the time as it is kept: to the second, which every store can.
func (r *Ring) now() time.Time { return r.config.Now().UTC().Truncate(time.Second) }

// act does what is due, in order, up to the first failure.
func (r *Ring) act(ctx context.Context, actor string, due []action) error {
	for _, a := range due {
		var err error
		switch a.do {
		case add:
			err = r.add(ctx, actor, a)
		case retire:
			err = r.config.Store.Retire(ctx, a.id, a.at)
		case revoke:
			err = r.config.Store.Revoke(ctx, a.id, a.at)
		case remove:
			err = r.config.Store.Remove(ctx, a.id)
		}
		if err != nil {
			return fmt.Errorf("%s key %s: %w", a.do, a.name(), err)
		}
		r.config.Logger.Info("signing key changed", "action", a.do, "key", a.name(), "at", a.at, "reason", a.reason)
	}
	return nil
}

// name names the key of an action.
func (a action) name() string {
	if a.do == add {
		return strconv.Itoa(a.number)
	}
	return a.id
}

// add makes a key and adds it to the store.
func (r *Ring) add(ctx context.Context, actor string, a action) error {
	now := r.now()
	record, err := newRecord(r.config.Algorithm, r.config.Rand, r.config.Master, a.number, now, a.at)
	if err != nil {
		return err
	}
	if err := r.config.Store.Add(ctx, record); err != nil {
		return err
	}
	if r.config.Events == nil {
		return nil
	}
	event := audit.Event{
		ID: uuid.New(now, r.config.Rand), At: now, Type: audit.KeyRotated, Actor: actor,
		Detail: map[string]string{
			"key": record.ID, "number": strconv.Itoa(a.number), "algorithm": record.Algorithm,
			"active_at": a.at.Format(time.RFC3339), "reason": a.reason,
		},
	}
	if err := r.config.Events.Record(ctx, event); err != nil {
		// The key is there; that nobody wrote it down must not keep it from being used.
		r.config.Logger.Error("record an event", "type", audit.KeyRotated, "key", record.ID, "error", err)
	}
	return nil
}
