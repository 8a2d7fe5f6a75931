package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// introspection is what is said of a token (RFC 7662 section 2.2). Of one that is not
// active nothing is said but that.
type introspection struct {
	Active    bool     `json:"active"`
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	ID        string   `json:"jti,omitempty"`
	Session   string   `json:"sid,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Username  string   `json:"username,omitempty"`
	Email     string   `json:"email,omitempty"`
}

// oauthIntrospect answers POST /oauth/introspect (RFC 7662), by which resource
// servers that cannot follow the revocations learn whether a token is alive at this
// moment: the session and the user are read from the store, so that every node knows
// at once. Only confidential clients may ask: others could try tokens.
func (a *api) oauthIntrospect(w http.ResponseWriter, r *http.Request, form url.Values, from caller) error {
	if !from.confidential {
		return invalidClient("Only a client with a secret may ask about tokens.")
	}
	token := form.Get("token")
	if token == "" {
		return invalidRequest("The parameter token is missing.")
	}
	inspect := a.inspectAccessToken
	if strings.HasPrefix(token, session.TokenPrefix) {
		inspect = a.inspectRefreshToken
	}
	said, err := inspect(r.Context(), token, from)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, said)
}

// inspectAccessToken says whether an access token would be accepted.
func (a *api) inspectAccessToken(ctx context.Context, token string, _ caller) (introspection, error) {
	claims, err := a.Verifier.Verify(ctx, token)
	switch {
	case err != nil && verify.Explain(err).Status == http.StatusServiceUnavailable:
		return introspection{}, err
	case err != nil:
		return introspection{}, nil
	}
	owner, id, err := subjectOf(claims)
	if err != nil {
		return introspection{}, err
	}
	held, user, err := a.Sessions.Alive(ctx, id)
	switch {
	case errors.Is(err, session.ErrEnded):
		return introspection{}, nil
	case err != nil:
		return introspection{}, err
	case held.UserID != owner || claims.Epoch < user.Epoch:
		return introspection{}, nil
	}
	return introspection{
		Active: true, TokenType: "Bearer",
		Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience, ClientID: claims.ClientID,
		ExpiresAt: claims.Expiry.Unix(), IssuedAt: claims.IssuedAt.Unix(), ID: claims.ID,
		Session: claims.SessionID, AuthTime: claims.AuthTime.Unix(), Roles: claims.Roles,
		Username: claims.Username, Email: claims.Email,
	}, nil
}

// inspectRefreshToken says whether a refresh token is its session's current one, or
// the one before it, which a client may still present. To ask is not to use it.
func (a *api) inspectRefreshToken(ctx context.Context, token string, from caller) (introspection, error) {
	for _, client := range []string{clientID, from.id} {
		for _, d := range []session.Delivery{session.Body, session.Cookie} {
			held, err := a.Sessions.Holder(ctx, session.Presented{Token: token, ClientID: client, Delivery: d})
			switch {
			case errors.Is(err, session.ErrToken):
				continue
			case errors.Is(err, session.ErrEnded), errors.Is(err, session.ErrStraggler):
				return introspection{}, nil
			case err != nil:
				return introspection{}, err
			}
			return introspection{
				Active: true, Issuer: a.Issuer, Subject: held.UserID.String(), ClientID: held.ClientID,
				ExpiresAt: held.IdleUntil.Unix(), Session: held.ID.String(), AuthTime: held.CreatedAt.Unix(),
			}, nil
		}
	}
	return introspection{}, nil
}
