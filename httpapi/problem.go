package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// Problem is an answer that says what went wrong, as RFC 9457 has it
// (application/problem+json), with the members that clients of the seeds and of
// this API act on. It is also the error that handlers return.
type Problem struct {
	Type   string `json:"type"`   // where the code is explained
	Title  string `json:"title"`  // the same for every problem of the code
	Status int    `json:"status"` // the HTTP status
	Detail string `json:"detail"` // what happened here, and how to mend it
	Code   Code   `json:"code"`   // stable: what a program looks at

	// Message is Detail once more: the member that clients of the seeds show.
	Message string `json:"message"`

	Field     string `json:"field,omitempty"`     // the field of the request that is wrong
	Session   string `json:"session,omitempty"`   // at a refresh: "alive" or "ended"; only at "ended" is the user signed out
	Reason    string `json:"reason,omitempty"`    // at a refresh: why the session ended
	RequestID string `json:"requestId,omitempty"` // at 5xx: what to look for in the log

	retryAfter   time.Duration // 0: no Retry-After header
	authenticate string        // "": no WWW-Authenticate header
	allow        string        // "": no Allow header
	cause        error         // what is logged, never answered
}

// Code names a kind of problem for programs. A code never changes its meaning.
type Code string

// The kinds of problems. The catalogue says the status and title of each.
const (
	CodeBodyInvalid        Code = "body_invalid"
	CodeFieldInvalid       Code = "field_invalid"
	CodeBodyTooLarge       Code = "body_too_large"
	CodeMediaType          Code = "unsupported_media_type"
	CodeParameterInvalid   Code = "parameter_invalid"
	CodeUsernameTaken      Code = "username_taken"
	CodeEmailTaken         Code = "email_taken"
	CodeRoleUnknown        Code = "role_unknown"
	CodeRoleRefused        Code = "role_refused"
	CodeSignupClosed       Code = "signup_closed"
	CodeCredentialsWrong   Code = "credentials_wrong"
	CodePasswordWrong      Code = "password_wrong"
	CodeUserBlocked        Code = "user_blocked"
	CodeThrottled          Code = "throttled"
	CodeNoToken            Code = "no_token"
	CodeExpiredToken       Code = "expired_token"
	CodeInvalidToken       Code = "invalid_token"
	CodeRevokedToken       Code = "revoked_token"
	CodeStaleToken         Code = "stale_token"
	CodeMissingRole        Code = "missing_role"
	CodeInvalidRequest     Code = "invalid_request"
	CodeRefreshMissing     Code = "refresh_token_required"
	CodeRefreshUnknown     Code = "refresh_token_unknown"
	CodeSessionEnded       Code = "session_ended"
	CodeRefreshStraggler   Code = "refresh_straggler"
	CodeRefreshAhead       Code = "refresh_ahead"
	CodeCrossOrigin        Code = "cross_origin"
	CodeUserNotFound       Code = "user_not_found"
	CodeSessionNotFound    Code = "session_not_found"
	CodeNotFound           Code = "not_found"
	CodeMethodNotAllowed   Code = "method_not_allowed"
	CodeAccountChanged     Code = "account_changed"
	CodeBusy               Code = "busy"
	CodeUnavailable        Code = "unavailable"
	CodeInternal           Code = "internal"
	CodeNotOnYourself      Code = "not_on_yourself"
	CodeLastAdmin          Code = "last_administrator"
	CodeBlockedFirst       Code = "unblock_first"
	CodeResetInvalid       Code = "reset_code_invalid"
	CodeSetupInvalid       Code = "setup_code_invalid"
	CodeStepUp             Code = "insufficient_user_authentication"
	CodeKeyShared          Code = "key_shared"
	CodeIdempotencyInvalid Code = "idempotency_key_invalid"
)

// kind is what all problems of one code share.
type kind struct {
	status int
	title  string
}

// catalogue is every problem this API answers. docs/problems.md explains them.
var catalogue = map[Code]kind{
	CodeBodyInvalid:        {http.StatusBadRequest, "The request body cannot be read"},
	CodeFieldInvalid:       {http.StatusBadRequest, "A field of the request is wrong"},
	CodeParameterInvalid:   {http.StatusBadRequest, "A parameter of the request is wrong"},
	CodeIdempotencyInvalid: {http.StatusBadRequest, "The Idempotency-Key is wrong"},
	CodeUsernameTaken:      {http.StatusBadRequest, "The username is in use"},
	CodeEmailTaken:         {http.StatusBadRequest, "The email address is in use"},
	CodeRoleUnknown:        {http.StatusBadRequest, "There is no such role"},
	CodeCredentialsWrong:   {http.StatusUnauthorized, "The name or the password is wrong"},
	CodeNoToken:            {http.StatusUnauthorized, "An access token is needed"},
	CodeExpiredToken:       {http.StatusUnauthorized, "The access token has expired"},
	CodeInvalidToken:       {http.StatusUnauthorized, "The access token is not valid"},
	CodeRevokedToken:       {http.StatusUnauthorized, "The session of the access token has ended"},
	CodeStaleToken:         {http.StatusUnauthorized, "The account changed since the access token was issued"},
	CodeMissingRole:        {http.StatusForbidden, "A role is needed"},
	CodeInvalidRequest:     {http.StatusBadRequest, "The Authorization header is malformed"},
	CodeRoleRefused:        {http.StatusForbidden, "The role is not given at sign-up"},
	CodeSignupClosed:       {http.StatusForbidden, "Sign-up is closed"},
	CodePasswordWrong:      {http.StatusForbidden, "The current password is wrong"},
	CodeUserBlocked:        {http.StatusForbidden, "The user is blocked"},
	CodeRefreshMissing:     {http.StatusForbidden, "A refresh token is needed"},
	CodeRefreshUnknown:     {http.StatusForbidden, "The refresh token is not known"},
	CodeSessionEnded:       {http.StatusForbidden, "The session has ended"},
	CodeCrossOrigin:        {http.StatusForbidden, "The request comes from another site"},
	CodeNotOnYourself:      {http.StatusForbidden, "That cannot be done to oneself"},
	CodeStepUp:             {http.StatusUnauthorized, "The password must have been given lately"},
	CodeResetInvalid:       {http.StatusForbidden, "The link to choose a password is not valid"},
	CodeSetupInvalid:       {http.StatusForbidden, "The link to make the first administrator is not valid"},
	CodeLastAdmin:          {http.StatusConflict, "The last administrator must remain"},
	CodeBlockedFirst:       {http.StatusConflict, "The user is blocked"},
	CodeKeyShared:          {http.StatusConflict, "The key is a shared secret"},
	CodeUserNotFound:       {http.StatusNotFound, "There is no such user"},
	CodeSessionNotFound:    {http.StatusNotFound, "There is no such session"},
	CodeNotFound:           {http.StatusNotFound, "There is nothing here"},
	CodeMethodNotAllowed:   {http.StatusMethodNotAllowed, "The method is not allowed here"},
	CodeRefreshStraggler:   {http.StatusConflict, "A newer refresh token was issued"},
	CodeAccountChanged:     {http.StatusConflict, "The account changed meanwhile"},
	CodeBodyTooLarge:       {http.StatusRequestEntityTooLarge, "The request body is too large"},
	CodeMediaType:          {http.StatusUnsupportedMediaType, "The media type is not supported"},
	CodeThrottled:          {http.StatusTooManyRequests, "Too many attempts"},
	CodeInternal:           {http.StatusInternalServerError, "Something went wrong here"},
	CodeBusy:               {http.StatusServiceUnavailable, "Too much to do at the moment"},
	CodeUnavailable:        {http.StatusServiceUnavailable, "Out of order at the moment"},
	CodeRefreshAhead:       {http.StatusServiceUnavailable, "The refresh token is newer than the database"},
}

// problemBase is where the codes are explained, one heading each.
const problemBase = "https://github.com/watchwordauth/watchword/blob/main/docs/problems.md#"

// What Problem.Session says.
const (
	sessionAlive = "alive"
	sessionEnded = "ended"
)

// problem makes a Problem of a code. The detail is answered: it holds no secret.
func problem(code Code, format string, args ...any) *Problem {
	k, ok := catalogue[code]
	if !ok {
		panic("httpapi: no problem " + code)
	}
	detail := fmt.Sprintf(format, args...)
	return &Problem{
		Type: problemBase + string(code), Title: k.title, Status: k.status,
		Detail: detail, Message: detail, Code: code,
	}
}

// Error implements error.
func (p *Problem) Error() string {
	if p.cause != nil {
		return string(p.Code) + ": " + p.cause.Error()
	}
	return string(p.Code)
}

// Unwrap returns what is logged.
func (p *Problem) Unwrap() error { return p.cause }

// because keeps the cause for the log.
func (p *Problem) because(err error) *Problem {
	p.cause = err
	return p
}

// at names the field that is wrong.
func (p *Problem) at(field string) *Problem {
	p.Field = field
	return p
}

// after asks the client to come back no sooner.
func (p *Problem) after(wait time.Duration) *Problem {
	p.retryAfter = max(wait, time.Second)
	return p
}

// challenge says how to authenticate (RFC 6750 section 3).
func (p *Problem) challenge(value string) *Problem {
	p.authenticate = value
	return p
}

// about says whether the session that was to be refreshed lives.
func (p *Problem) about(state string) *Problem {
	p.Session = state
	return p
}

// problemOf turns any error into the problem that is answered. It is the one
// place that knows which error of which package means what to a client; what it
// does not know is 500.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if refusal, ok := errors.AsType[*session.Refusal](err); ok {
		return refused(refusal).because(err)
	}
	switch {
	case errors.Is(err, session.ErrToken):
		return problem(CodeRefreshUnknown, "Refresh token is not in database!").about(sessionEnded).because(err)
	case errors.Is(err, session.ErrContended):
		return problem(CodeBusy, "Too many refreshes of this session at once. Please try again.").after(retrySoon).because(err)
	case errors.Is(err, session.ErrUserChanged):
		return problem(CodeAccountChanged, "The account changed at this very moment. Please sign in again.").because(err)
	case errors.Is(err, session.ErrNotFound):
		return problem(CodeSessionNotFound, "There is no such session.").because(err)
	}
	if p := unverified(err); p != nil {
		return p.because(err)
	}
	if p := accountProblem(err); p != nil {
		return p.because(err)
	}
	if unavailable(err) {
		return problem(CodeUnavailable, "The server cannot do that at the moment. Please try again.").after(retrySoon).because(err)
	}
	return problem(CodeInternal, "Something went wrong on the server.").because(err)
}

// retrySoon is when to come back after a passing failure.
const retrySoon = 2 * time.Second

// unavailable reports whether the store, not the request, is at fault and may
// recover: time ran out, or a store's error says so of itself.
func unavailable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	var own interface{ Unavailable() bool }
	return errors.As(err, &own) && own.Unavailable()
}

// refused is the problem of a refresh that gave nothing.
func refused(r *session.Refusal) *Problem {
	switch r.Kind {
	case session.Straggler:
		return problem(CodeRefreshStraggler, "A newer refresh token was issued a moment ago. Please retry with the one you hold now.").about(sessionAlive)
	case session.Ahead:
		return problem(CodeRefreshAhead, "The server has lost its latest data. Please try again later.").about(sessionAlive).after(time.Minute)
	}
	p := problem(CodeSessionEnded, "%s", farewell(r.Reason)).about(sessionEnded)
	if r.Reason == session.Unknown {
		p = problem(CodeRefreshUnknown, "Refresh token is not in database!").about(sessionEnded)
	}
	p.Reason = string(r.Reason)
	return p
}

// farewell tells a user why their session ended.
func farewell(reason session.Reason) string {
	switch reason {
	case session.Expired, session.Idle:
		return "Refresh token was expired. Please make a new signin request"
	case session.SignedOut, session.EndedByUser:
		return "You were signed out. Please sign in again."
	case session.PasswordChanged:
		return "Your password was changed. Please sign in again."
	case session.UserBlocked:
		return "Your account is blocked."
	case session.ReuseDetected:
		return "An old refresh token was used again, which may mean that it was stolen. Please sign in again."
	case session.TooManySessions:
		return "You signed in on too many devices. Please sign in again."
	}
	return "Your session was ended. Please sign in again."
}

// write answers the problem.
func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.authenticate != "" {
		h.Set("WWW-Authenticate", p.authenticate)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and a number always encode
	}
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n'))
}
