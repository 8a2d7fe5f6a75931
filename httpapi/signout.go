package httpapi

import (
	"errors"
	"net/http"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// signedOut is what a sign-out answers.
type signedOut struct {
	Message string `json:"message"`
}

// The scopes of a sign-out: which of the user's sessions it ends.
const (
	scopeThis   = "this"
	scopeOthers = "others"
	scopeAll    = "all"
)

func signOutScope(r *http.Request) (string, error) {
	switch scope := r.URL.Query().Get("scope"); scope {
	case "", scopeThis:
		return scopeThis, nil
	case scopeOthers, scopeAll:
		return scope, nil
	}
	return "", problem(CodeParameterInvalid, `"scope" must be this, others or all.`).at("scope")
}

// signOut answers POST /api/auth/signout: it ends the session of the refresh
// token in the body or, without one, of the access token.
func (a *api) signOut(w http.ResponseWriter, r *http.Request) error {
	scope, err := signOutScope(r)
	if err != nil {
		return err
	}
	var token string
	if err := decode(w, r, jsonOrForm, fields{"refreshToken": &token}); err != nil {
		return err
	}
	// What an access token ends is ended last: it is refused from then on, and whoever
	// has to try again needs it.
	last := func() error { return nil }
	if token != "" {
		err = a.endByRefreshToken(r, token, session.Body, scope)
	} else if claims, failed := a.authenticate(r); failed == nil {
		last = func() error { return a.endByAccessToken(r, claims, scope) }
	} else if !a.Demo || !errors.Is(failed, verify.ErrNoToken) { // the one front end of the seeds that holds nothing but the demo's cookie
		err = failed
	}
	if err != nil {
		return err
	}
	// The browser may hold a session by cookie, this one or another. To take the cookie
	// away and leave that session alive would be a sign-out that ended nothing. Another
	// site's page can make its visitor send this with a token of its own.
	held, whole := a.cookies.refresh(r), scope != scopeOthers && a.foreign(r) == nil
	if whole && held != "" {
		if err := a.endByRefreshToken(r, held, session.Cookie, scopeThis); err != nil && !errors.Is(err, session.ErrToken) {
			return err
		}
	}
	if err := last(); err != nil {
		return err
	}
	if whole {
		a.cookies.clearDemo(w)
		if held != "" {
			a.cookies.clearRefresh(w)
		}
	}
	return farewellOf(w, scope)
}

// signOutCookie answers POST /logout: it ends the session of the cookie's refresh
// token and removes the cookie. The cookie stays if the server failed, so that
// the user can try again.
func (a *api) signOutCookie(w http.ResponseWriter, r *http.Request) error {
	scope, err := signOutScope(r)
	if err != nil {
		return err
	}
	if token := a.cookies.refresh(r); token != "" {
		err := a.endByRefreshToken(r, token, session.Cookie, scope)
		gone := errors.Is(err, session.ErrToken) || errors.Is(err, session.ErrEnded)
		if err == nil && scope != scopeOthers || gone {
			a.cookies.clearRefresh(w)
		}
		if err != nil && (scope != scopeThis || !gone) {
			return err
		}
	}
	return farewellOf(w, scope)
}

func farewellOf(w http.ResponseWriter, scope string) error {
	message := "You've been signed out!"
	switch scope {
	case scopeOthers:
		message = "Your other sessions have ended."
	case scopeAll:
		message = "All your sessions have ended."
	}
	return reply(w, http.StatusOK, signedOut{Message: message})
}

// endByRefreshToken ends sessions for whoever holds a refresh token. Any
// generation will do to end its own session; to end others it must be the
// current one or the one before it.
func (a *api) endByRefreshToken(r *http.Request, token string, d session.Delivery, scope string) error {
	presented, err := a.presented(r, token, d)
	if err != nil {
		return err
	}
	if scope == scopeThis {
		return a.Sessions.SignOut(r.Context(), presented)
	}
	holder, err := a.Sessions.Holder(r.Context(), presented)
	if err != nil {
		return err
	}
	return a.endScope(r, holder.UserID, holder.ID, scope)
}

// endByAccessToken ends sessions for whoever holds a valid access token.
func (a *api) endByAccessToken(r *http.Request, claims *verify.Claims, scope string) error {
	user, id, err := subjectOf(claims)
	if err != nil {
		return err
	}
	if scope != scopeThis {
		return a.endScope(r, user, id, scope)
	}
	_, err = a.Sessions.EndOwn(r.Context(), user, id, session.SignedOut)
	return err
}

// endScope ends all of a user's sessions, or all but the one that asks.
func (a *api) endScope(r *http.Request, user account.ID, this session.ID, scope string) error {
	except, reason := session.ID{}, session.SignedOut
	if scope == scopeOthers {
		except, reason = this, session.EndedByUser
	}
	_, err := a.Sessions.EndUser(r.Context(), user, except, reason, user.String())
	return err
}

// subjectOf reads the ids in verified claims: whose they are, and of which session.
func subjectOf(c *verify.Claims) (account.ID, session.ID, error) {
	user, err := account.ParseID(c.Subject)
	if err != nil {
		return account.ID{}, session.ID{}, err
	}
	id, err := session.ParseID(c.SessionID)
	if err != nil {
		return account.ID{}, session.ID{}, err
	}
	return user, id, nil
}
