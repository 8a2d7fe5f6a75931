package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
)

// sameSite guards a route that reads or sets the refresh cookie against requests
// that a page of another site makes its visitor send.
//
// http.CrossOriginProtection does it by Sec-Fetch-Site and Origin, one of which
// every browser sends with a POST since 2020. A request with neither is not from
// such a browser, but might be from an older one; it must carry something that
// no page can send to another site without being asked first (the preflight):
// a JSON body, or a header of its own. So
//
//	curl -X POST -b jar -c jar -H 'Content-Type: application/json' …/refresh
//
// works, and a form of another site does not, in any browser.
func (a *api) sameSite(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.foreign(r); err != nil {
			return err
		}
		return next(w, r)
	}
}

// foreign is why a request may be one that a page of another site makes its
// visitor send; nil if it cannot be.
func (a *api) foreign(r *http.Request) error {
	if err := a.guard.Check(r); err != nil {
		return problem(CodeCrossOrigin, "This request comes from a site that is not allowed to make it. Allow its origin, or call from the server's own.").because(err)
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" && !deliberate(r) {
		return problem(CodeCrossOrigin, "A request with a cookie needs an Origin header, or Content-Type: application/json, or an Idempotency-Key, so that it cannot be another site's form.")
	}
	return nil
}

// deliberate reports whether a request has what the form of another site cannot have.
func deliberate(r *http.Request) bool {
	kind, err := mediaType(r)
	return err == nil && kind == "application/json" ||
		r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Requested-With") != "" ||
		r.Header.Get("Authorization") != "" || r.Header.Get("X-Access-Token") != ""
}

// Loopback reports whether a host name means the machine itself, where browsers
// treat plain http as secure.
func Loopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.IsLoopback()
}
