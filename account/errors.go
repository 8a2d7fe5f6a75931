package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/internal/password"
)

// What the use cases answer beside success and the Store's errors. Compare with
// errors.Is; the types below say more.
var (
	// ErrInvalid is every *FieldError: something that was chosen cannot be.
	ErrInvalid = errors.New("invalid")

	// ErrCredentials says that name and password do not belong together. It does
	// not say whether there is such a user.
	ErrCredentials = errors.New("the name or the password is wrong")

	// ErrPasswordWrong says that the current password, which a change asks for, is wrong.
	ErrPasswordWrong = errors.New("the current password is wrong")

	// ErrBlocked says that the user is blocked. Only who knows the password is told.
	ErrBlocked = errors.New("the user is blocked")

	ErrUnknownRole   = errors.New("there is no such role")
	ErrRoleForbidden = errors.New("the role is not given at sign-up")
	ErrSignupClosed  = errors.New("sign-up is closed")

	// ErrSelf says that administrators cannot do that to themselves: it would
	// lock them out.
	ErrSelf = errors.New("that cannot be done to oneself")

	// ErrLastAdmin says that nobody would be left who can administer.
	ErrLastAdmin = errors.New("the last administrator must remain")

	// ErrResetCode says that a reset code has been used, is outdated, has expired,
	// or is none of ours. It does not say which.
	ErrResetCode = errors.New("the reset code is not valid")

	// ErrSetupCode says that a set-up code has been used, has expired, or is none.
	ErrSetupCode = errors.New("the set-up code is not valid")

	// ErrNoResetKeys says that this Service was given no keys for reset codes.
	ErrNoResetKeys = errors.New("reset codes cannot be made here")

	// ErrThrottled is every *ThrottledError.
	ErrThrottled = errors.New("too many attempts")

	// ErrBusy says that too many passwords are being checked at the moment. Try
	// again in a few seconds.
	ErrBusy = password.ErrBusy
)

// FieldError says what is wrong with a field, to a program and to a person. It
// never holds a password.
type FieldError struct {
	Field   string // username, email, password, or roles
	Code    string // required, too_short, too_long, invalid_character, malformed, common, same_as_name, or unchanged
	Message string // a sentence or two of plain English
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// Is makes every FieldError an ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// RoleError names the role that is the matter. It is an ErrUnknownRole or an
// ErrRoleForbidden.
type RoleError struct {
	Role    string // as it was asked for, cut to 64 bytes
	Message string // for the person who asked
	Err     error
}

// Error implements error.
func (e *RoleError) Error() string { return fmt.Sprintf("role %q: %v", e.Role, e.Err) }

// Unwrap returns what is the matter.
func (e *RoleError) Unwrap() error { return e.Err }

// ThrottledError says that somebody failed too often and when to try again. What
// was asked was not looked at.
type ThrottledError struct {
	RetryAfter time.Duration
}

// Error implements error.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts: try again in %v", e.RetryAfter.Round(time.Second))
}

// Is makes every ThrottledError an ErrThrottled.
func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }
