package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// oauthToken answers POST /oauth/token, at which OAuth's libraries renew by
// themselves: new tokens for a refresh token (RFC 6749 section 6) that was issued to
// the client. There is no other grant, and never a grant for a password (RFC 9700
// section 2.4): users sign in at our own routes.
func (a *api) oauthToken(w http.ResponseWriter, r *http.Request, form url.Values, from caller) error {
	switch form.Get("grant_type") {
	case "refresh_token":
	case "":
		return invalidRequest("The parameter grant_type is missing.")
	default:
		return oauthFailure(http.StatusBadRequest, oauthUnsupportedGrantType, "The only grant_type is refresh_token.")
	}
	token := form.Get("refresh_token")
	switch {
	case token == "":
		return invalidRequest("The parameter refresh_token is missing.")
	case form.Get("scope") != "":
		return oauthFailure(http.StatusBadRequest, oauthInvalidScope, "There are no scopes here: leave the parameter out.")
	}
	presented, err := a.presented(r, token, session.Body)
	if err != nil {
		return err
	}
	presented.ClientID = from.id
	grant, err := a.Sessions.Refresh(r.Context(), presented)
	if err != nil {
		p := *problemOf(err)
		if p.Session == "" {
			p.Session = sessionAlive
		}
		return oauthErrorOf(&p)
	}
	e := entryOf(r)
	e.user, e.session = grant.User.ID.String(), grant.Session.ID.String()
	return reply(w, http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"` // seconds
		RefreshToken string `json:"refresh_token"`
	}{grant.AccessToken, "Bearer", int64(grant.ExpiresAt.Sub(grant.At) / time.Second), grant.RefreshToken})
}
