package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

// The doors of OAuth: what its libraries expect, in their words. Each takes a form
// and answers failures as RFC 6749 section 5.2 has it.

// oauthError is how these routes answer a failure. Its texts hold neither quotation
// marks nor backslashes, which section 5.2 does not allow.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
	URI         string `json:"error_uri,omitempty"` // where the code of our own is explained
	Session     string `json:"session,omitempty"`   // at a refresh: "alive" or "ended"

	status     int
	retryAfter time.Duration
	cause      error
}

// Error implements error.
func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

// The codes. temporarily_unavailable is of section 4.1.2.1, where it means what we
// mean: the client did nothing wrong, and shall try again.
const (
	oauthInvalidRequest       = "invalid_request"
	oauthInvalidClient        = "invalid_client"
	oauthInvalidGrant         = "invalid_grant"
	oauthUnauthorizedClient   = "unauthorized_client"
	oauthUnsupportedGrantType = "unsupported_grant_type"
	oauthInvalidScope         = "invalid_scope"
	oauthUnavailable          = "temporarily_unavailable"
	oauthServerError          = "server_error"
)

func oauthFailure(status int, code, description string) *oauthError {
	return &oauthError{Code: code, Description: description, status: status}
}

func invalidRequest(description string) error {
	return oauthFailure(http.StatusBadRequest, oauthInvalidRequest, description)
}

func invalidClient(description string) error {
	return oauthFailure(http.StatusUnauthorized, oauthInvalidClient, description)
}

// oauthHandler answers a request whose form was read and whose client is known.
type oauthHandler func(w http.ResponseWriter, r *http.Request, form url.Values, from caller) error

// oauth makes a handler of one.
func (a *api) oauth(next oauthHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Pragma", "no-cache") // RFC 6749 section 5.1
		form, err := readForm(w, r)
		if err == nil {
			var from caller
			if from, err = a.caller(r, form); err == nil {
				err = next(w, r, form, from)
			}
		}
		if err == nil {
			return nil
		}
		e, ok := errors.AsType[*oauthError](err)
		if !ok {
			e = oauthErrorOf(problemOf(err))
		}
		entryOf(r).failure = &Problem{Status: e.status, Code: Code(e.Code), cause: e.cause}
		return e.write(w)
	}
}

// oauthParameters are those that are known; none may be there twice. What else is in
// a form is ignored (RFC 6749 section 3.2).
var oauthParameters = []string{
	"grant_type", "refresh_token", "scope", "token", "token_type_hint",
	"client_id", "client_secret", "client_assertion", "client_assertion_type",
}

// readForm reads the form that is the body. Parameters in the URL are not looked at:
// secrets do not belong there.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if kind, err := mediaType(r); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("The Content-Type must be application/x-www-form-urlencoded.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("The body is not a valid form.")
	}
	for _, name := range oauthParameters {
		if len(form[name]) > 1 {
			return nil, invalidRequest("The parameter " + name + " is there twice.")
		}
		if !utf8.ValidString(form.Get(name)) {
			return nil, invalidRequest("The parameter " + name + " is not valid UTF-8.")
		}
	}
	return form, nil
}

// oauthErrorOf says in the words of OAuth what went wrong. What matters is what
// libraries make of it: invalid_grant makes them throw their tokens away and the user
// sign in anew, so it is said only when the session has ended.
func oauthErrorOf(p *Problem) *oauthError {
	e := oauthFailure(http.StatusBadRequest, oauthInvalidRequest, p.Detail)
	e.URI, e.Session, e.retryAfter, e.cause = p.Type, p.Session, p.retryAfter, p.cause
	switch {
	case p.Session == sessionEnded:
		e.Code = oauthInvalidGrant
	case p.Code == CodeRefreshStraggler:
		// Not 400, at which some clients give the tokens up, nor 503, at which some send
		// the same old token again and again, until it is taken for theft.
		e.status, e.Code = http.StatusConflict, oauthUnavailable
	case p.Status == http.StatusServiceUnavailable:
		e.status, e.Code = http.StatusServiceUnavailable, oauthUnavailable
	case p.Status >= http.StatusInternalServerError:
		e.status, e.Code = http.StatusInternalServerError, oauthServerError
	}
	return e
}

// write answers with the error.
func (e *oauthError) write(w http.ResponseWriter) error {
	h := w.Header()
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="watchword"`)
	}
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.retryAfter+time.Second-1)/time.Second)))
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(e.status)
	w.Write(append(body, '\n')) // whoever is gone needs no answer
	return nil
}
