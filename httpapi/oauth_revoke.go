package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// oauthRevoke answers POST /oauth/revoke (RFC 7009): it ends the session of a token
// that was issued to the client, be it a refresh token of any generation or an
// access token that is valid. What is no token, or of no session, is revoked already:
// 200. The hint about the token's kind is not needed.
func (a *api) oauthRevoke(w http.ResponseWriter, r *http.Request, form url.Values, from caller) error {
	token := form.Get("token")
	if token == "" {
		return invalidRequest("The parameter token is missing.")
	}
	var err error
	if strings.HasPrefix(token, session.TokenPrefix) {
		err = a.revokeRefreshToken(r, token, from)
	} else {
		err = a.revokeAccessToken(r, token, from)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a *api) revokeRefreshToken(r *http.Request, token string, from caller) error {
	// A cookie's token, too: whoever found one may end its session, and no more.
	for _, d := range []session.Delivery{session.Body, session.Cookie} {
		err := a.Sessions.SignOut(r.Context(), session.Presented{
			Token: token, ClientID: from.id, Delivery: d, From: a.origin(r),
		})
		if !errors.Is(err, session.ErrToken) {
			return err
		}
	}
	return nil
}

func (a *api) revokeAccessToken(r *http.Request, token string, from caller) error {
	claims, err := a.Verifier.Verify(r.Context(), token)
	switch {
	case err != nil && verify.Explain(err).Status == http.StatusServiceUnavailable:
		return err
	case err != nil:
		return nil
	case claims.ClientID != from.id:
		return oauthFailure(http.StatusBadRequest, oauthUnauthorizedClient, "The token was issued to another client.")
	}
	user, id, err := subjectOf(claims)
	if err != nil {
		return err
	}
	e := entryOf(r)
	e.user, e.session = claims.Subject, claims.SessionID
	_, err = a.Sessions.EndOwn(r.Context(), user, id, session.SignedOut)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}
