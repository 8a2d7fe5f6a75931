package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/watchwordauth/watchword/verify"
)

// AccessToken finds the access token of a request: in "Authorization: Bearer …"
// (RFC 6750 section 2.1), in x-access-token, or in an Authorization header
// without a scheme. It is never looked for in a URL. It is a token source for
// verify.WithTokenSource; "" means that there is none.
func AccessToken(r *http.Request) (string, error) {
	token, err := verify.BearerToken(r)
	if token != "" || err != nil {
		return token, err
	}
	// Of two whoever stands in front may have looked at the other.
	if tokens := r.Header["X-Access-Token"]; len(tokens) > 1 {
		return "", fmt.Errorf("%w: there are %d x-access-token headers", verify.ErrRequest, len(tokens))
	}
	if token := r.Header.Get("X-Access-Token"); token != "" {
		return token, nil
	}
	if bare := r.Header.Get("Authorization"); !strings.Contains(bare, " ") {
		return bare, nil
	}
	return "", nil // another scheme: Basic, for a proxy in front
}

// claimed is a handler that needs to know who asks.
type claimed func(w http.ResponseWriter, r *http.Request, c *verify.Claims) error

// signedIn lets a request through with a valid access token.
func (a *api) signedIn(next claimed) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		claims, err := a.authenticate(r)
		if err != nil {
			return err
		}
		return next(w, r, claims)
	}
}

// withRole lets a request through with a valid access token that carries the role.
func (a *api) withRole(role string, next claimed) handler {
	return a.signedIn(func(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
		if err := requireAny(c, role); err != nil {
			return err
		}
		return next(w, r, c)
	})
}

// authenticate returns the claims of the request's access token.
func (a *api) authenticate(r *http.Request) (*verify.Claims, error) {
	claims, err := a.Verifier.VerifyRequest(r)
	if err != nil {
		return nil, err
	}
	e := entryOf(r)
	e.user, e.session = claims.Subject, claims.SessionID
	return claims, nil
}

// requireAny fails unless the claims carry one of the roles; none named is no
// requirement.
func requireAny(c *verify.Claims, roles ...string) error {
	if len(roles) == 0 || slices.ContainsFunc(roles, c.Has) {
		return nil
	}
	named := make([]string, len(roles))
	for i, role := range roles {
		named[i] = capital(role)
	}
	return problem(CodeMissingRole, "Require %s Role!", strings.Join(named, " or ")).
		challenge(verify.Explain(verify.ErrRole).Challenge).because(verify.ErrRole)
}

// capital writes a role as the seeds' messages do: Admin, Moderator.
func capital(role string) string {
	first, size := utf8.DecodeRuneInString(role)
	if size == 0 {
		return "Nameless"
	}
	return string(unicode.ToUpper(first)) + role[size:]
}

// unverified is the problem of a request whose access token is missing or not
// accepted; nil if err is none of package verify's. Its codes, statuses and
// challenges are those of verify.Explain, so that a client finds the same at
// every resource server; where the clients of the seeds know a message, it is theirs.
func unverified(err error) *Problem {
	ours := []error{
		verify.ErrMalformed, verify.ErrAlgorithm, verify.ErrSignature, verify.ErrType, verify.ErrIssuer,
		verify.ErrAudience, verify.ErrExpired, verify.ErrNotYet, verify.ErrLifetime, verify.ErrRevoked,
		verify.ErrStale, verify.ErrUnknownKey, verify.ErrNoToken, verify.ErrRequest, verify.ErrRole,
		verify.ErrKeysUnavailable, verify.ErrRevocationsUnavailable,
	}
	if !slices.ContainsFunc(ours, func(known error) bool { return errors.Is(err, known) }) {
		return nil
	}
	explained := verify.Explain(err)
	if explained.Status == http.StatusServiceUnavailable {
		return problem(CodeUnavailable, "%s", explained.Detail).after(retrySoon)
	}
	detail := explained.Detail
	switch Code(explained.Code) {
	case CodeNoToken:
		detail = "No token provided!"
	case CodeExpiredToken:
		detail = "Unauthorized! Access Token was expired!"
	case CodeInvalidToken:
		detail = "Unauthorized! The access token is not valid here."
	}
	return problem(Code(explained.Code), "%s", detail).challenge(explained.Challenge)
}
