package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/watchwordauth/watchword/verify"
)

// Where gateways ask whether a request may pass. What follows the first is the
// path of the request that is judged, and is not looked at; the second requires
// a role, named by the segment after it.
const (
	verifyPath     = "/api/auth/verify"
	verifyRolePath = "/api/auth/verify-role/"
)

// forwardAuth answers a gateway that asks about a request before it passes it
// on: nginx (auth_request), Traefik and Caddy (forward auth), Envoy (ext_authz).
// Any method and any path behind its own will do. 204 lets the request pass, and
// its headers say whose it is; 401 and 403 do not; it answers nothing else,
// because nginx takes everything else for an error.
//
// Each "role" parameter is a requirement, met by any of the roles it names,
// separated by commas; all have to be met. A visitor whose query is passed on can
// therefore only require more.
//
// It is not a route of the ServeMux, which would clean the judged path and
// redirect; and no origin's script is meant to call it, so cors does not answer
// its OPTIONS either.
func (a *api) forwardAuth(w http.ResponseWriter, r *http.Request) error {
	claims, err := a.authenticate(r)
	if err != nil {
		return onlyDenied(err)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem(CodeMissingRole, "The query cannot be read.")
	}
	for _, requirement := range append(query["role"], pathRole(r.URL.Path)...) {
		if err := requireAny(claims, strings.Split(requirement, ",")...); err != nil {
			return err
		}
	}
	// All are always set, so that a gateway that copies them replaces what a
	// visitor may have sent under these names.
	h := w.Header()
	h.Set("X-Watchword-User", claims.Subject)
	h.Set("X-Watchword-Username", headerText(claims.Username))
	h.Set("X-Watchword-Email", headerText(claims.Email))
	h.Set("X-Watchword-Roles", strings.Join(claims.Roles, ","))
	h.Set("X-Watchword-Session", claims.SessionID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// asksForwardAuth reports whether a path is forwardAuth's, as it was sent:
// nothing in it is cleaned away.
func asksForwardAuth(path string) bool {
	return path == verifyPath || strings.HasPrefix(path, verifyPath+"/") || strings.HasPrefix(path, verifyRolePath)
}

// pathRole is the requirement that the path makes.
func pathRole(path string) []string {
	rest, ok := strings.CutPrefix(path, verifyRolePath)
	if !ok {
		return nil
	}
	role, _, _ := strings.Cut(rest, "/")
	return []string{role}
}

// onlyDenied keeps 401 and 403, and makes a 403 of the rest: nobody passes while
// tokens cannot be checked.
func onlyDenied(err error) error {
	p := problemOf(err)
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return p
	case http.StatusBadRequest:
		return problem(CodeInvalidToken, "%s", p.Detail).challenge(verify.Explain(verify.ErrMalformed).Challenge).because(err)
	}
	return problem(CodeMissingRole, "Access tokens cannot be checked at the moment.").because(err)
}

// headerText writes a name so that it is one header's value, whatever is in it:
// bytes that are not printable ASCII, and %, are percent-encoded.
func headerText(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '%' || c == ',' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
