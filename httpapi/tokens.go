package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// clientID names whom our own sign-in routes issue tokens to.
const clientID = "watchword"

// tokens is what a sign-in and a refresh answer. A page that was reloaded knows from
// a refresh alone who is signed in, and learns of changed roles.
type tokens struct {
	ID       string   `json:"id"`
	Username string   `json:"username"`
	Email    string   `json:"email"`
	Roles    []string `json:"roles"`

	AccessToken  string `json:"accessToken"`
	TokenType    string `json:"tokenType"`
	ExpiresIn    int64  `json:"expiresIn"`              // seconds
	ServerTime   string `json:"serverTime"`             // to compare clocks by
	RefreshToken string `json:"refreshToken,omitempty"` // unless it travels in a cookie
	SessionID    string `json:"sessionId"`

	// Renewed says that the refresh token is another than the one presented. A
	// client that cannot see its cookie learns from it that the request key which
	// it sent has done its work, and that the next refresh needs a new one. To
	// replace the key any sooner would make a retry look like theft.
	Renewed bool `json:"renewed"`
}

// deliver makes the answer to a sign-in or a refresh and, where the refresh token
// travels in a cookie, sets it. A token that did not change is not set again: a
// late answer would put it in the place of a newer one.
func (a *api) deliver(w http.ResponseWriter, g session.Grant) tokens {
	answer := tokens{
		ID: g.User.ID.String(), Username: g.User.Username, Email: g.User.Email, Roles: seedRoles(g.User.Roles),
		AccessToken: g.AccessToken,
		TokenType:   "Bearer",
		ExpiresIn:   int64(g.ExpiresAt.Sub(g.At) / time.Second),
		ServerTime:  timestamp(g.At),
		SessionID:   g.Session.ID.String(),
		Renewed:     g.Renewed,
	}
	switch g.Session.Delivery {
	case session.Body:
		answer.RefreshToken = g.RefreshToken
	case session.Cookie:
		if g.Renewed {
			a.cookies.setRefresh(w, g.RefreshToken, g.Session.ExpiresAt)
		}
	}
	return answer
}

// timestamp is how times are written: RFC 3339, UTC, to the millisecond.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// seedRoles writes roles as the clients of the second seed compare them: an array,
// of ROLE_USER, ROLE_MODERATOR, ROLE_ADMIN.
func seedRoles(roles []string) []string {
	written := make([]string, len(roles))
	for i, role := range roles {
		written[i] = "ROLE_" + strings.ToUpper(role)
	}
	return written
}

// presented is the refresh token of a request as the session service takes it.
func (a *api) presented(r *http.Request, token string, d session.Delivery) (session.Presented, error) {
	p := session.Presented{Token: token, ClientID: clientID, Delivery: d, From: a.origin(r)}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 {
		return session.Presented{}, problem(CodeIdempotencyInvalid, "There is more than one Idempotency-Key.")
	}
	if len(keys) == 1 {
		key, err := session.NewRequestKey(keys[0])
		if err != nil {
			return session.Presented{}, problem(CodeIdempotencyInvalid, "An Idempotency-Key has at most 255 bytes.")
		}
		p.Key = key
	}
	return p, nil
}
