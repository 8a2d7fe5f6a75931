package httpapi

import (
	"errors"
	"net/http"

	"github.com/watchwordauth/watchword/session"
)

// signIn answers POST /api/auth/signin. The refresh token comes in the body, or in
// a cookie for who asks for that; then the request has to be from an allowed site.
func (a *api) signIn(w http.ResponseWriter, r *http.Request) error {
	var login credentials
	var delivery string
	into := login.fields()
	into["delivery"] = &delivery
	if err := decode(w, r, jsonOrForm, into); err != nil {
		return err
	}
	switch delivery {
	case "", session.Body.String():
		return a.begin(w, r, login, session.Body)
	case session.Cookie.String():
		return a.sameSite(func(w http.ResponseWriter, r *http.Request) error {
			return a.begin(w, r, login, session.Cookie)
		})(w, r)
	}
	return problem(CodeFieldInvalid, `"delivery" must be body or cookie.`).at("delivery")
}

// signInCookie answers POST /login.
func (a *api) signInCookie(w http.ResponseWriter, r *http.Request) error {
	var login credentials
	if err := decode(w, r, jsonOrForm, login.fields()); err != nil {
		return err
	}
	return a.begin(w, r, login, session.Cookie)
}

// credentials are what a user signs in with: a username or an email address, in
// whichever field.
type credentials struct {
	username, email, password string
}

func (c *credentials) fields() fields {
	return fields{"username": &c.username, "email": &c.email, "password": &c.password}
}

// login is the name, or a problem if there is not exactly one.
func (c credentials) login() (string, error) {
	switch {
	case c.username != "" && c.email != "":
		return "", problem(CodeFieldInvalid, "Please give a username or an email address, not both.").at("email")
	case c.username == "" && c.email == "":
		return "", problem(CodeFieldInvalid, "Please give a username or an email address.").at("username")
	case c.password == "":
		return "", problem(CodeFieldInvalid, "Please give a password.").at("password")
	}
	return c.username + c.email, nil
}

// begin checks the password and begins a session.
func (a *api) begin(w http.ResponseWriter, r *http.Request, c credentials, d session.Delivery) error {
	login, err := c.login()
	if err != nil {
		return err
	}
	user, err := a.Accounts.Authenticate(r.Context(), login, c.password, a.whence(r))
	if err != nil {
		return err
	}
	grant, err := a.Sessions.Begin(r.Context(), user, clientID, d, a.origin(r))
	if err != nil {
		return err
	}
	e := entryOf(r)
	e.user, e.session = grant.User.ID.String(), grant.Session.ID.String()
	if d == session.Cookie {
		a.supersede(r)
	}
	if a.Demo && a.foreign(r) == nil {
		a.cookies.setDemo(w, grant.AccessToken, grant.ExpiresAt)
	}
	return reply(w, http.StatusOK, a.deliver(w, grant))
}

// supersede ends the session whose cookie a sign-in is about to replace: nobody
// could refresh it or sign out of it any more. That the new one has begun does not
// depend on it.
func (a *api) supersede(r *http.Request) {
	token := a.cookies.refresh(r)
	if token == "" {
		return
	}
	presented := session.Presented{Token: token, ClientID: clientID, Delivery: session.Cookie, From: a.origin(r)}
	if err := a.Sessions.Supersede(r.Context(), presented); err != nil && !errors.Is(err, session.ErrToken) {
		a.Logger.Warn("the session before was not ended", "request", entryOf(r).id, "error", err)
	}
}
