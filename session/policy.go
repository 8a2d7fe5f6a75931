package session

import (
	"errors"
	"fmt"
	"time"
)

// Policy is what an operator may choose about sessions. DefaultPolicy is what
// they get otherwise; the zero value is not usable.
type Policy struct {
	Rotation    bool          // replace the refresh token at its use
	MinAge      time.Duration // do not replace a token handed out less than this ago
	RetryWindow time.Duration // how long an old token may be that of a late, honest request

	AccessTTL time.Duration // an access token's life
	IdleTTL   time.Duration // a session ends if it is not refreshed for so long
	TTL       time.Duration // a session ends after so long, whatever happens
	PerUser   int           // at most so many live sessions of one user

	Recovery Recovery // declared by an operator after a restore
}

// DefaultPolicy: rotation on; 30 s, 15 s; ten minutes, seven days, thirty days; 100 sessions.
func DefaultPolicy() Policy {
	return Policy{
		Rotation:    true,
		MinAge:      30 * time.Second,
		RetryWindow: 15 * time.Second,
		AccessTTL:   10 * time.Minute,
		IdleTTL:     7 * 24 * time.Hour,
		TTL:         30 * 24 * time.Hour,
		PerUser:     100,
	}
}

// ErrPolicy is wrapped by Validate's errors.
var ErrPolicy = errors.New("session policy")

// Validate reports the first setting that makes no sense, and how to mend it.
func (p Policy) Validate() error {
	for _, row := range []struct {
		bad     bool
		message string
	}{
		{p.AccessTTL < time.Second, "the access token's life must be at least 1s"},
		{p.AccessTTL > 24*time.Hour, "the access token's life must be at most 24h: it is the refresh token that lives long"},
		{p.IdleTTL < p.AccessTTL, "the idle life of a session must not be shorter than the access token's"},
		{p.IdleTTL <= p.MinAge, "the idle life of a session must be longer than the minimum age of a refresh token: one that is kept does not prolong it"},
		{p.TTL < p.IdleTTL, "the life of a session must not be shorter than its idle life"},
		{p.TTL > 10*365*24*time.Hour, "the life of a session must be at most ten years"},
		{p.MinAge < 0 || p.RetryWindow < 0, "a duration must not be negative"},
		{p.MinAge > p.AccessTTL && p.MinAge > time.Minute, "the minimum age of a refresh token must not exceed the access token's life"},
		{p.RetryWindow > 10*time.Minute, "the retry window must be at most 10m: within it theft looks like a late request"},
		{p.PerUser < 1, "a user needs at least one session"},
	} {
		if row.bad {
			return fmt.Errorf("%w: %s", ErrPolicy, row.message)
		}
	}
	return nil
}

// idleUntil is when a session that was refreshed at a moment becomes idle: never
// after its absolute end.
func (p Policy) idleUntil(refreshed, expires time.Time) time.Time {
	if idle := refreshed.Add(p.IdleTTL); idle.Before(expires) {
		return idle
	}
	return expires
}

// Recovery is a window an operator opens after restoring a backup: the store is
// at RestoredTo, has served since ReopenedAt, and until ClosesAt sessions that
// were rotated in between are taken back at the generation their token proves.
// The zero value is closed.
type Recovery struct {
	RestoredTo time.Time
	ReopenedAt time.Time
	ClosesAt   time.Time
}

// admits bounds what a token can prove: it was issued in the lost interval, and
// it is no further ahead than as many rotations as fit into that interval, no
// closer than MinAge allows. So a leaked key and one old token do not suffice to
// overtake a session. The bound is the same however often the session was healed
// since: a thief who comes first with an old token does not keep the owner out,
// whose newer one then shows the thief.
func (r Recovery) admits(s Session, t Token, p Policy, now time.Time) bool {
	const skew = time.Minute
	if !now.Before(r.ClosesAt) || t.IssuedAt.Before(r.RestoredTo.Add(-skew)) || t.IssuedAt.After(r.ReopenedAt.Add(skew)) {
		return false
	}
	spacing := max(p.MinAge, time.Second)
	possible := uint64(max(0, r.ReopenedAt.Sub(r.RestoredTo)+2*skew)/spacing) + 1
	return uint64(t.Generation)-s.Generation <= possible
}
