package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Require lets a request through to next only with a valid access token. The
// handler finds the claims with FromContext. Everything else is answered by the
// error handler: by default as RFC 6750 section 3 says, with a problem in the
// body (see Explain).
func (v *Verifier) Require(next http.Handler) http.Handler {
	return v.RequireRole()(next)
}

// RequireRole is Require for tokens that carry one of the roles. Without any
// role named, every valid token will do.
func (v *Verifier) RequireRole(roles ...string) func(next http.Handler) http.Handler {
	roles = slices.Clone(roles)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, err := v.VerifyRequest(r)
			if err == nil && len(roles) > 0 && !slices.ContainsFunc(roles, claims.Has) {
				err = ErrRole
			}
			if err != nil {
				v.answer(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
		})
	}
}

// VerifyRequest verifies the access token of a request, which the token source
// finds. A request without one is ErrNoToken: a handler that also serves
// strangers treats that as no error.
func (v *Verifier) VerifyRequest(r *http.Request) (*Claims, error) {
	accessToken, err := v.source(r)
	if err != nil {
		return nil, err
	}
	if accessToken == "" {
		return nil, ErrNoToken
	}
	return v.Verify(r.Context(), accessToken)
}

// BearerToken is the token source that is used unless WithTokenSource names
// another: it returns the token of the header "Authorization: Bearer …" (RFC 6750
// section 2.1), or "" if there is none of that scheme. Tokens in URLs and forms
// are not looked at.
func BearerToken(r *http.Request) (string, error) {
	headers := r.Header["Authorization"]
	switch len(headers) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", fmt.Errorf("%w: there are %d", ErrRequest, len(headers))
	}
	scheme, rest, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	accessToken := strings.Trim(rest, " ")
	if accessToken == "" {
		return "", fmt.Errorf("%w: Bearer without a token", ErrRequest)
	}
	return accessToken, nil
}

// contextKey is where NewContext keeps the claims.
type contextKey struct{}

// NewContext returns a context that carries the claims. Tests of handlers, and
// middleware of other kinds than net/http, use it.
func NewContext(ctx context.Context, claims *Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, claims)
}

// FromContext returns the claims of the access token that the request came with,
// and whether there are any.
func FromContext(ctx context.Context) (*Claims, bool) {
	claims, ok := ctx.Value(contextKey{}).(*Claims)
	return claims, ok && claims != nil
}
