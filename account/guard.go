package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/internal/throttle"
)

// Limits bounds guessing. A zero limit means its default. All are kept in
// memory, on each node for itself, and none ever locks an account.
type Limits struct {
	// SignInAccount bounds wrong passwords for one name, from wherever they come:
	// 10 at once, then one more every 30 seconds, which is 2,900 a day. A sign-in
	// that succeeds forgives them. So that a stranger who keeps guessing cannot
	// keep out the user, an address from which the name was signed in with has
	// failures of its own to spend.
	SignInAccount throttle.Limit

	// SignInAddress bounds wrong passwords from one address, for all names
	// together: 100 at once, then one more every second. It is wide because many
	// honest people share an address: an office, a mobile network, a server that
	// renders pages.
	SignInAddress throttle.Limit

	// SignUpAddress bounds sign-ups from one address, whether they succeed or meet
	// a name that is taken: 50 at once, then one more every 10 seconds.
	SignUpAddress throttle.Limit
}

func (l Limits) orDefault() Limits {
	if l.SignInAccount == (throttle.Limit{}) {
		l.SignInAccount = throttle.Limit{Burst: 10, Every: 30 * time.Second}
	}
	if l.SignInAddress == (throttle.Limit{}) {
		l.SignInAddress = throttle.Limit{Burst: 100, Every: time.Second}
	}
	if l.SignUpAddress == (throttle.Limit{}) {
		l.SignUpAddress = throttle.Limit{Burst: 50, Every: 10 * time.Second}
	}
	return l
}

// guard is the throttles of a Service.
type guard struct {
	account  *throttle.Throttle // by name, or by name and familiar address
	address  *throttle.Throttle // by address
	signup   *throttle.Throttle // by address
	familiar *throttle.Familiar // names and the addresses they signed in from
}

func newGuard(l Limits, now func() time.Time) guard {
	l = l.orDefault()
	return guard{
		account:  throttle.New(throttle.Config{Limit: l.SignInAccount, Now: now}),
		address:  throttle.New(throttle.Config{Limit: l.SignInAddress, Now: now}),
		signup:   throttle.New(throttle.Config{Limit: l.SignUpAddress, Now: now}),
		familiar: throttle.NewFamiliar(0),
	}
}

// trial is a password that is being tried, as the throttles see it.
type trial struct {
	address, account *throttle.Attempt
}

// tryPassword lets a password be tried for a key, or fails with a
// *throttle.Limited.
func (g guard) tryPassword(ctx context.Context, key string, from Origin) (trial, error) {
	place := throttle.AddressKey(from.IP)
	address, err := enter(ctx, g.address, place)
	if err != nil {
		return trial{}, err
	}
	bucket := key
	if g.familiar.Knows(familiarity(key, place)) {
		bucket = familiarity(key, place)
	}
	account, err := enter(ctx, g.account, bucket)
	if err != nil {
		address.Leave(throttle.Passed)
		return trial{}, err
	}
	return trial{address, account}, nil
}

// enter lets an attempt through, or fails with a *throttle.Limited, or with
// ErrBusy if the outcome of others is too long in coming.
func enter(ctx context.Context, t *throttle.Throttle, key string) (*throttle.Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	attempt, err := t.Enter(ctx, key)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return attempt, err
}

// longestWait is how long an attempt waits for others that may use up what is left.
const longestWait = 10 * time.Second

// over says how the trial ended. What nobody could decide is no failure.
func (t trial) over(err error) {
	switch {
	case err == nil || errors.Is(err, ErrBlocked): // the password was right
		t.address.Leave(throttle.Passed)
		t.account.Leave(throttle.Forgiven)
	case errors.Is(err, ErrCredentials) || errors.Is(err, ErrPasswordWrong):
		t.address.Leave(throttle.Failed)
		t.account.Leave(throttle.Failed)
	default:
		t.address.Leave(throttle.Passed)
		t.account.Leave(throttle.Passed)
	}
}

// meet remembers where a user signed in from.
func (g guard) meet(u User, from Origin) {
	place := throttle.AddressKey(from.IP)
	for _, key := range []string{u.UsernameKey, u.EmailKey} {
		if key != "" {
			g.familiar.Meet(familiarity(key, place))
		}
	}
}

// familiarity is the key of a name from a place. No name has a space.
func familiarity(key, place string) string { return key + " " + place }
