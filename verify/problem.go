package verify

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Problem is how the middleware answers a request that it does not let through:
// an RFC 9457 problem, and the challenge of RFC 6750 section 3.
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Code    string `json:"code"`    // stable, for programs
	Message string `json:"message"` // equal to Detail

	// Challenge is the WWW-Authenticate header; empty if the token is not at fault.
	Challenge string `json:"-"`
}

// Explain says how an error of this package is answered. Codes are:
//
//	401 no_token                 the request carries no access token
//	401 invalid_token            a token that is not, or not meant for here
//	401 expired_token            refresh it
//	401 stale_token              refresh it: the user's roles or password changed
//	401 revoked_token            the session was ended; refreshing will say so
//	403 missing_role             a valid token, but without a role that is needed
//	400 invalid_request          two Authorization headers, or a broken one
//	503 keys_unavailable         nobody's fault here: try again, sign nobody out
//	503 revocations_unavailable  likewise
//
// What is wrong with an invalid token is for the log, not for who sent it.
func Explain(err error) Problem {
	switch {
	case errors.Is(err, ErrNoToken):
		// RFC 6750 section 3.1: who sends no credentials is told no error.
		return problem(http.StatusUnauthorized, "no_token", "An access token is required.", "")
	case errors.Is(err, ErrRequest):
		return problem(http.StatusBadRequest, "invalid_request", "The Authorization header is malformed.", "invalid_request")
	case errors.Is(err, ErrRole):
		return problem(http.StatusForbidden, "missing_role", "The access token does not carry the role that is needed here.", "insufficient_scope")
	case errors.Is(err, ErrKeysUnavailable):
		return problem(http.StatusServiceUnavailable, "keys_unavailable", "Access tokens cannot be checked at the moment. Try again.", "")
	case errors.Is(err, ErrRevocationsUnavailable):
		return problem(http.StatusServiceUnavailable, "revocations_unavailable", "Access tokens cannot be checked at the moment. Try again.", "")
	case errors.Is(err, ErrExpired):
		return problem(http.StatusUnauthorized, "expired_token", "The access token has expired.", "invalid_token")
	case errors.Is(err, ErrStale):
		return problem(http.StatusUnauthorized, "stale_token", "The user has changed since the access token was issued. Refresh it.", "invalid_token")
	case errors.Is(err, ErrRevoked):
		return problem(http.StatusUnauthorized, "revoked_token", "The session has ended.", "invalid_token")
	}
	return problem(http.StatusUnauthorized, "invalid_token", "The access token is not valid here.", "invalid_token")
}

func problem(status int, code, detail, bearerError string) Problem {
	p := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Message: detail}
	switch {
	case bearerError != "":
		p.Challenge = `Bearer realm="watchword", error="` + bearerError + `", error_description="` + detail + `"`
	case status == http.StatusUnauthorized:
		p.Challenge = `Bearer realm="watchword"`
	}
	return p
}

// Write answers with the problem.
func (p Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "2")
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	// Nothing is left to do for a client that has gone.
	_ = json.NewEncoder(w).Encode(p)
}
