package httpapi

import (
	"errors"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/verify"
)

// accountProblem is the problem of an error of package account; nil if it is none.
// Messages are the seeds' where these had one.
func accountProblem(err error) *Problem {
	if field, ok := errors.AsType[*account.FieldError](err); ok {
		return problem(CodeFieldInvalid, "%s", field.Message).at(field.Field)
	}
	if throttled, ok := errors.AsType[*account.ThrottledError](err); ok {
		return problem(CodeThrottled, "Too many attempts. Please try again later.").after(throttled.RetryAfter)
	}
	if role, ok := errors.AsType[*account.RoleError](err); ok {
		if errors.Is(err, account.ErrRoleForbidden) {
			return problem(CodeRoleRefused, "%s", role.Message).at("roles")
		}
		return problem(CodeRoleUnknown, "%s", role.Message).at("roles")
	}
	switch {
	case errors.Is(err, account.ErrUsernameTaken):
		return problem(CodeUsernameTaken, "Failed! Username is already in use!").at("username")
	case errors.Is(err, account.ErrEmailTaken):
		return problem(CodeEmailTaken, "Failed! Email is already in use!").at("email")
	case errors.Is(err, account.ErrSignupClosed):
		return problem(CodeSignupClosed, "Sign-up is closed. Please ask an administrator for an account.")
	case errors.Is(err, account.ErrCredentials):
		return problem(CodeCredentialsWrong, "Invalid username or password!").challenge(verify.Explain(verify.ErrNoToken).Challenge)
	case errors.Is(err, account.ErrPasswordWrong):
		return problem(CodePasswordWrong, "The current password is wrong.").at("currentPassword")
	case errors.Is(err, account.ErrBlocked):
		return problem(CodeUserBlocked, "Your account is blocked. Please ask an administrator.")
	case errors.Is(err, account.ErrSelf):
		return problem(CodeNotOnYourself, "You cannot do that to yourself: you would lock yourself out.")
	case errors.Is(err, account.ErrLastAdmin):
		return problem(CodeLastAdmin, "This is the last administrator. Make another one first.")
	case errors.Is(err, account.ErrResetCode):
		return problem(CodeResetInvalid, "This link has been used, has expired, or is not complete. Please ask an administrator for another one.")
	case errors.Is(err, account.ErrSetupCode):
		return problem(CodeSetupInvalid, "This link has been used, has expired, or is not complete. Restart the server for another one, or use its command line.")
	case errors.Is(err, account.ErrBusy):
		return problem(CodeBusy, "Too many passwords are being checked at the moment. Please try again.").after(retrySoon)
	case errors.Is(err, account.ErrNotFound):
		return problem(CodeUserNotFound, "There is no such user.")
	}
	return nil
}
