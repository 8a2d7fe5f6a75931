package signing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/verify"
)

// Ring is the keys of an installation, as one node knows them. It mints tokens,
// and is the verify.KeySet that verifies them. It is safe for concurrent use;
// minting and verifying wait for nothing.
type Ring struct {
	config Config // without the secret
	policy policy
	state  atomic.Pointer[state]
	turn   chan struct{} // held by whoever reads the store to change state
}

// state is what was true at the last reload. It is never changed.
type state struct {
	records []Record // all, in the order of their numbers
	usable  []Record // those that verify, likewise
	keys    []*key   // made of usable, one for each
	byID    map[string]*key
	jwks    []byte
}

var _ verify.KeySet = (*Ring)(nil)

// ErrNoKey is returned by Mint when no key can sign: all have ended, and Maintain
// has not succeeded since.
var ErrNoKey = errors.New("no key to sign with")

// ErrShared is returned by RotateNow for HS256.
var ErrShared = errors.New("the key of HS256 is the shared secret: change the setting, here and at every resource server, and restart")

// Open reads the keys from the store, after making what is due: at the first start
// a key, which is active at once. It fails if a key cannot be used, for a token
// that another node signs with it would be refused here.
func Open(ctx context.Context, c Config) (*Ring, error) {
	r, err := newRing(c)
	if err != nil {
		return nil, fmt.Errorf("open the signing keys: %w", err)
	}
	opening := r.policy
	opening.opening = true
	err = r.round(ctx, false, "system", func(records []Record, now time.Time) []action {
		return plan(records, opening, now)
	})
	if err != nil {
		return nil, fmt.Errorf("open the signing keys: %w", err)
	}
	return r, nil
}

// Replace opens a Ring whose keys were lost: it makes a new one, active at once,
// and revokes all others, as RotateNow does in an emergency. Unlike Open it needs
// none of them, nor the master secret that sealed them.
func Replace(ctx context.Context, c Config, actor string) (*Ring, error) {
	r, err := newRing(c)
	if err != nil {
		return nil, fmt.Errorf("replace the signing keys: %w", err)
	}
	if err := r.RotateNow(ctx, true, actor); err != nil {
		return nil, err
	}
	return r, nil
}

func newRing(c Config) (*Ring, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Ring{policy: c.policy(), turn: make(chan struct{}, 1)}
	s := &state{}
	if c.Algorithm == verify.HS256 {
		s.use(shared(c.Secret))
		c.Secret = nil
	}
	r.config = c
	if s.jwks, err = encodeJWKS(s.keys); err != nil {
		return nil, err
	}
	r.state.Store(s)
	return r, nil
}

// use adds a key to a state that is being made.
func (s *state) use(k *key) {
	s.usable = append(s.usable, k.record)
	s.keys = append(s.keys, k)
	if s.byID == nil {
		s.byID = map[string]*key{}
	}
	s.byID[k.public.ID] = k
}

// Key implements verify.KeySet: it returns the key with this id, or
// verify.ErrUnknownKey if it is not in the JWKS (any more).
func (r *Ring) Key(_ context.Context, id string) (verify.Key, error) {
	k, ok := r.state.Load().byID[id]
	if !ok {
		return verify.Key{}, verify.ErrUnknownKey
	}
	return k.public, nil
}

// MaxAge is how long the JWKS may be cached.
func (r *Ring) MaxAge() time.Duration { return r.config.MaxAge }

// signing returns the key that signs now.
func (r *Ring) signing() (*key, error) {
	s := r.state.Load()
	if len(s.keys) == 1 {
		return s.keys[0], nil
	}
	i := current(s.usable, r.config.Now())
	if i < 0 {
		return nil, ErrNoKey
	}
	return s.keys[i], nil
}

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

// Reload takes over what other nodes did, and does nothing else.
func (r *Ring) Reload(ctx context.Context) error {
	return r.round(ctx, false, "system", func([]Record, time.Time) []action { return nil })
}

// RotateNow adds a key out of turn. Usually it is published like any other and
// signs after twice the max-age of the JWKS. If revoke is set it signs at once and
// all others are revoked: what they signed is not accepted any more, here at once,
// on other nodes within MaintainEvery, at resource servers that cache the JWKS
// within its max-age; clients get a new token by refreshing. The actor is who
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

// reload reads the store and takes over what it says.
func (r *Ring) reload(ctx context.Context) ([]Record, error) {
	records, err := r.config.Store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	return records, r.install(records)
}

// install takes over the records. Those of its keys that cannot be used are left
// out, and are in the error.
func (r *Ring) install(records []Record) error {
	before, now := r.state.Load(), r.config.Now()
	after := &state{records: records}
	var problems error
	for _, record := range records {
		if !verifies(record, now) {
			continue
		}
		k, err := before.reopen(record, r.config.Master)
		if err != nil {
			problems = errors.Join(problems, unusable(record, err))
			continue
		}
		after.use(k)
	}
	var err error
	if after.jwks, err = encodeJWKS(after.keys); err != nil {
		return errors.Join(problems, err)
	}
	r.state.Store(after)
	return problems
}

// reopen opens a record, or takes the key that it was opened as before.
func (s *state) reopen(record Record, master *secret.Master) (*key, error) {
	if k, ok := s.byID[record.ID]; ok && bytes.Equal(k.record.Sealed, record.Sealed) && bytes.Equal(k.record.Public, record.Public) && k.record.Algorithm == record.Algorithm {
		again := *k
		again.record = record
		return &again, nil
	}
	return open(record, master)
}

// unusable says which key cannot be used, and what helps.
func unusable(record Record, err error) error {
	help := "was the database changed? revoke all keys: \"watchword key rotate --revoke\""
	if errors.Is(err, secret.ErrSealed) {
		help = "give that master secret too, as an old one; if it is lost, replace all keys: \"watchword key rotate --revoke\""
	}
	return fmt.Errorf("signing key %d (%s) cannot be used: %w; %s", record.Number, record.ID, err, help)
}
