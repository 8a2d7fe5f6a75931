package httpapi

import (
	"net/http"

	"github.com/watchwordauth/watchword/session"
)

// refreshToken answers POST /api/auth/refreshtoken: new tokens for a refresh
// token in the body.
func (a *api) refreshToken(w http.ResponseWriter, r *http.Request) error {
	var token string
	if err := decode(w, r, jsonOrForm, fields{"refreshToken": &token}); err != nil {
		return err
	}
	return a.refresh(w, r, token, session.Body)
}

// refreshCookie answers POST /refresh: a new access token for the refresh token in
// the cookie, which is replaced when the rule says so. The body is not looked at.
//
// A refusal leaves the cookie where it is. The browser may have a newer one by the
// time it hears of it, of a sign-in in another tab, and would drop that; while the
// cookie of a session that has ended opens nothing. A sign-out removes it.
func (a *api) refreshCookie(w http.ResponseWriter, r *http.Request) error {
	return a.refresh(w, r, a.cookies.refresh(r), session.Cookie)
}

func (a *api) refresh(w http.ResponseWriter, r *http.Request, token string, d session.Delivery) error {
	if token == "" {
		return problem(CodeRefreshMissing, "Refresh Token is required!").about(sessionEnded)
	}
	presented, err := a.presented(r, token, d)
	if err != nil {
		return err
	}
	grant, err := a.Sessions.Refresh(r.Context(), presented)
	if err != nil {
		return err
	}
	e := entryOf(r)
	e.user, e.session = grant.User.ID.String(), grant.Session.ID.String()
	return reply(w, http.StatusOK, a.deliver(w, grant))
}

// refreshing makes every failure of a refresh say what became of the session: it
// is alive unless the problem says otherwise, so that nobody is signed out by a
// server that is busy.
func refreshing(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		if err == nil {
			return nil
		}
		p := problemOf(err)
		if p.Session == "" {
			p.Session = sessionAlive
		}
		return p
	}
}
