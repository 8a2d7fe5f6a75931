package httpapi

import (
	"net/http"

	"github.com/watchwordauth/watchword/account"
)

// signUp answers POST /api/auth/signup: an account for a stranger. Nobody is
// signed in by it.
func (a *api) signUp(w http.ResponseWriter, r *http.Request) error {
	chosen, err := decodeNewUser(w, r, jsonOrForm)
	if err != nil {
		return err
	}
	user, err := a.Accounts.SignUp(r.Context(), chosen, a.whence(r))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Message  string   `json:"message"`
		ID       string   `json:"id"`
		Username string   `json:"username"`
		Email    string   `json:"email"`
		Roles    []string `json:"roles"`
	}{"User was registered successfully!", user.ID.String(), user.Username, user.Email, listed(user.Roles)})
}

func decodeNewUser(w http.ResponseWriter, r *http.Request, accept media) (account.NewUser, error) {
	var chosen account.NewUser
	err := decode(w, r, accept, fields{
		"username": &chosen.Username, "email": &chosen.Email, "password": &chosen.Password, "roles": &chosen.Roles,
	})
	return chosen, err
}

// whence is where a request came from, for package account.
func (a *api) whence(r *http.Request) account.Origin { return account.Origin(a.origin(r)) }
