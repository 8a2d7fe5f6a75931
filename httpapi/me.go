package httpapi

import (
	"errors"
	"net/http"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/verify"
)

// me answers GET /api/auth/me: the user as they are now, not as the token says.
func (a *api) me(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, _, err := subjectOf(c)
	if err != nil {
		return err
	}
	user, err := a.Accounts.Find(r.Context(), id)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		ID        string   `json:"id"`
		Username  string   `json:"username"`
		Email     string   `json:"email"`
		Roles     []string `json:"roles"`
		CreatedAt string   `json:"createdAt"`
		SessionID string   `json:"sessionId"`
	}{user.ID.String(), user.Username, user.Email, listed(user.Roles), timestamp(user.CreatedAt), c.SessionID})
}

// listed is a list that is written [] when it is empty.
func listed(roles []string) []string {
	if roles == nil {
		return []string{}
	}
	return roles
}

// changePassword answers PUT /api/auth/password. The user's other sessions end;
// this one goes on with its next refresh.
func (a *api) changePassword(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, _, err := subjectOf(c)
	if err != nil {
		return err
	}
	change := account.PasswordChange{Keep: c.SessionID}
	if err := decode(w, r, jsonOnly, fields{"currentPassword": &change.Current, "newPassword": &change.New}); err != nil {
		return err
	}
	if _, err := a.Accounts.ChangePassword(r.Context(), id, change, a.whence(r)); err != nil {
		if field, ok := errors.AsType[*account.FieldError](err); ok {
			return problem(CodeFieldInvalid, "%s", field.Message).at("newPassword")
		}
		return err
	}
	return reply(w, http.StatusOK, struct {
		Message string `json:"message"`
	}{"Your password was changed. Your other sessions have ended."})
}
