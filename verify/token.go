package verify

import (
	"fmt"
	"sync/atomic"
	"time"
)

// claimNames are the claims that are read.
var claimNames = []string{
	"iss", "sub", "aud", "client_id", "iat", "exp", "nbf", "jti", "sid",
	"auth_time", "roles", "epoch", "preferred_username", "email",
}

// token is a verified access token, as it is remembered.
type token struct {
	claims  Claims
	keyID   string
	until   time.Time     // when it stops being accepted: exp and the leeway
	cleared atomic.Uint64 // the version of the feed's entries that do not name it, plus one

	session, user digest // as the feed names them; zero if none is followed

	// Most tokens have one audience and few roles: these spare the slices.
	audience [1]string
	roles    [4]string
}

// instants are the NumericDates of a token, in seconds; zero if absent.
type instants struct{ iat, exp, nbf, authTime int64 }

// parse reads the claims of RFC 9068 section 2.2 and those this issuer adds.
// Others are skipped. Required ones must be there; nothing else is judged.
func (t *token) parse(payload string) (instants, error) {
	var at instants
	var has struct{ iat, exp bool }
	c := &t.claims
	r := reader{text: payload}
	r.object(func(name string) {
		switch name {
		case "iss":
			c.Issuer = r.string()
		case "sub":
			c.Subject = r.string()
		case "aud":
			if r.peek() == '"' {
				c.Audience = append(t.audience[:0], r.string())
			} else {
				c.Audience = r.strings(t.audience[:0])
			}
		case "client_id":
			c.ClientID = r.string()
		case "iat":
			at.iat, has.iat = r.seconds(), true
		case "exp":
			at.exp, has.exp = r.seconds(), true
		case "nbf":
			at.nbf = r.seconds()
		case "jti":
			c.ID = r.string()
		case "sid":
			c.SessionID = r.string()
		case "auth_time":
			at.authTime = r.seconds()
		case "roles":
			c.Roles = r.strings(t.roles[:0])
		case "epoch":
			c.Epoch = r.natural()
		case "preferred_username":
			c.Username = r.string()
		case "email":
			c.Email = r.string()
		default:
			r.refuse(name, claimNames)
		}
	})
	r.end()
	if r.failed {
		return instants{}, fmt.Errorf("%w: the claims are not strict JSON of the right types", ErrMalformed)
	}
	var missing string
	switch {
	case c.Issuer == "":
		missing = "iss"
	case c.Subject == "":
		missing = "sub"
	case len(c.Audience) == 0:
		missing = "aud"
	case c.ClientID == "":
		missing = "client_id"
	case !has.iat:
		missing = "iat"
	case !has.exp:
		missing = "exp"
	case c.ID == "":
		missing = "jti"
	}
	if missing != "" {
		return instants{}, fmt.Errorf("%w: no claim %s", ErrMalformed, missing)
	}
	c.IssuedAt, c.Expiry = time.Unix(at.iat, 0).UTC(), time.Unix(at.exp, 0).UTC()
	if at.authTime != 0 {
		c.AuthTime = time.Unix(at.authTime, 0).UTC()
	}
	return at, nil
}
