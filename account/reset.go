package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/throttle"
)

// ResetWithin is how long a reset code is good for.
const ResetWithin = 24 * time.Hour

// OfferReset makes a code with which somebody who is no administrator gives the
// user a new password, once. Nothing is kept: the code dies when the user's epoch
// rises, which its use does, and so does any other change of password, roles or
// block. Whoever has the code can take the account over, so it is handed to the
// user and to nobody else.
//
// It fails with ErrNotFound; with ErrBlocked, since the end of the block would
// end the code; or with ErrNoResetKeys.
func (s *Service) OfferReset(ctx context.Context, id ID, by Actor) (code string, expires time.Time, err error) {
	if len(s.config.ResetKeys) == 0 {
		return "", time.Time{}, ErrNoResetKeys
	}
	user, err := s.Find(ctx, id)
	if err != nil {
		return "", time.Time{}, err
	}
	if user.Blocked() {
		return "", time.Time{}, ErrBlocked
	}
	expires = s.now().Add(ResetWithin).Truncate(time.Second)
	code = resetCode{user: user.ID, epoch: user.Epoch, expires: expires}.seal(s.config.ResetKeys[0])
	s.recordAct(ctx, audit.UserResetOffered, user, by, map[string]string{"expires_at": expires.Format(time.RFC3339)})
	return code, expires, nil
}

// ResetPassword gives whoever a reset code is for another password, and ends all
// their sessions. Of any number of concurrent calls with one code one succeeds.
//
// It fails with ErrResetCode, as seldom as sign-ins may (*ThrottledError); a
// *FieldError for a password that cannot be, which leaves the code as it was; or
// ErrBusy. If ending the sessions failed the password has changed all the same.
func (s *Service) ResetPassword(ctx context.Context, code, password string, from Origin) (User, error) {
	attempt, err := enter(ctx, s.guard.address, throttle.AddressKey(from.IP))
	if err != nil {
		nobody := func(context.Context) (User, error) { return User{}, ErrNotFound }
		return User{}, s.throttled(ctx, err, nobody, from)
	}
	user, err := s.resettable(ctx, code, from)
	if errors.Is(err, ErrResetCode) {
		attempt.Leave(throttle.Failed)
	} else {
		attempt.Leave(throttle.Passed)
	}
	if err != nil {
		return User{}, err
	}
	normal, err := chosen(password, user)
	if err != nil {
		return User{}, err
	}
	hash, err := s.config.Hasher.Hash(ctx, normal)
	if err != nil {
		return User{}, fmt.Errorf("hash the password: %w", err)
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	user, did, err := s.config.Store.SetPasswordIf(ctx, user.ID, user.Epoch, hash, s.now())
	if err != nil {
		return User{}, fmt.Errorf("set the password: %w", err)
	}
	if !did {
		return User{}, ErrResetCode // it was used while we hashed
	}
	by := Actor{By: user.ID.String(), From: from}
	return user, s.passwordReplaced(ctx, user, "", by, map[string]string{"by": "reset_code"})
}

// resettable is the user whom a code lets choose another password.
func (s *Service) resettable(ctx context.Context, text string, from Origin) (User, error) {
	code, err := openResetCode(text, s.config.ResetKeys)
	if err != nil {
		return User{}, err
	}
	user, err := s.Find(ctx, code.user)
	if errors.Is(err, ErrNotFound) {
		return User{}, ErrResetCode
	}
	if err != nil {
		return User{}, err
	}
	if !s.now().Before(code.expires) || user.Epoch != code.epoch || user.Blocked() {
		s.record(ctx, audit.Event{
			Type: audit.UserResetFailed, User: user.ID.String(), IP: from.IP, UserAgent: from.UserAgent,
			Detail: map[string]string{"reason": "used_or_expired"},
		})
		return User{}, ErrResetCode
	}
	return user, nil
}
