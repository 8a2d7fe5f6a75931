package signing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/internal/secret"
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

	looking sync.Mutex
	looked  time.Time // when a key was looked for that is not known
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
// verify.ErrUnknownKey if it is not in the JWKS (any more). One that is not known may
// have been made by another node a moment ago, so the store is read again, once in a
// while: the id is whatever a stranger wrote.
func (r *Ring) Key(ctx context.Context, id string) (verify.Key, error) {
	k, ok := r.state.Load().byID[id]
	if !ok {
		r.look(ctx)
		k, ok = r.state.Load().byID[id]
	}
	if !ok {
		return verify.Key{}, verify.ErrUnknownKey
	}
	return k.public, nil
}

// How often the store is read for a key that is not known, and for how long at most.
const (
	lookCoolDown = ReloadEvery
	lookWithin   = 2 * time.Second
)

// look reads the store again, unless that was done a moment ago. Whoever comes while
// it is read waits for it. What fails is left to the next round, which reports it.
func (r *Ring) look(ctx context.Context) {
	r.looking.Lock()
	defer r.looking.Unlock()
	now := r.config.Now()
	if since := now.Sub(r.looked); since >= 0 && since < lookCoolDown {
		return
	}
	r.looked = now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
	defer cancel()
	_ = r.Reload(ctx)
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
	help := "was the database changed? revoke all keys: \"watchword key rotate --now\""
	if errors.Is(err, secret.ErrSealed) {
		help = "give that master secret too, as an old one; if it is lost, replace all keys: \"watchword key rotate --now\""
	}
	return fmt.Errorf("signing key %d (%s) cannot be used: %w; %s", record.Number, record.ID, err, help)
}
