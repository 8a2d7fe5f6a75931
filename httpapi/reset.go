package httpapi

import (
	"errors"
	"net/http"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/verify"
)

// The pages that take a code. It is in the fragment, which no browser sends: so
// it is in no log of a server, and in no Referer.
const (
	resetPage = "/reset"
	setupPage = "/setup"
)

// SetupLink is the address at which somebody makes the first administrator with a
// code of account.Service.OfferSetup.
func SetupLink(issuer, code string) string { return issuer + setupPage + "#" + code }

// offerReset answers POST /api/admin/users/{id}/reset.
func (a *api) offerReset(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, err := pathUser(r)
	if err != nil {
		return err
	}
	code, expires, err := a.Accounts.OfferReset(r.Context(), id, a.actor(r, c))
	if errors.Is(err, account.ErrBlocked) {
		return problem(CodeBlockedFirst, "The user is blocked. Unblock them first: that would end the link.")
	}
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, struct {
		Link      string `json:"link"`
		ExpiresAt string `json:"expiresAt"`
	}{a.Issuer + resetPage + "#" + code, timestamp(expires)})
}

// resetPassword answers POST /api/auth/reset. Nobody is signed in by it.
func (a *api) resetPassword(w http.ResponseWriter, r *http.Request) error {
	var code, password string
	if err := decode(w, r, jsonOnly, fields{"code": &code, "password": &password}); err != nil {
		return err
	}
	user, err := a.Accounts.ResetPassword(r.Context(), code, password, a.whence(r))
	if err != nil {
		return err
	}
	entryOf(r).user = user.ID.String()
	return reply(w, http.StatusOK, struct {
		Message  string `json:"message"`
		Username string `json:"username"`
	}{"Your password was changed. All your sessions have ended.", user.Username})
}

// setUp answers POST /api/auth/setup: the first administrator. Nobody is signed in by it.
func (a *api) setUp(w http.ResponseWriter, r *http.Request) error {
	var code string
	var chosen account.NewUser
	err := decode(w, r, jsonOnly, fields{
		"code": &code, "username": &chosen.Username, "email": &chosen.Email, "password": &chosen.Password,
	})
	if err != nil {
		return err
	}
	user, err := a.Accounts.SetUp(r.Context(), code, chosen, a.whence(r))
	if err != nil {
		return err
	}
	entryOf(r).user = user.ID.String()
	return reply(w, http.StatusCreated, newUserRecord(user))
}
