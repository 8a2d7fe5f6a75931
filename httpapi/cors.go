package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// cors lets the scripts of listed origins read the answers, those to failures
// too, and send cookies. Any other origin gets no header: its browser keeps the
// answer from it.
//
// An origin is compared exactly, as RFC 6454 section 6.2 serialises it.
func (a *api) cors(next http.Handler) http.Handler {
	allowed := make(map[string]bool, len(a.AllowOrigins))
	for _, origin := range a.AllowOrigins {
		allowed[origin] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if allowed[origin] {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, X-Request-Id, ETag")
		}
		if r.Method != http.MethodOptions || origin == "" || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		// A preflight asks what may be asked; the answer is the same everywhere.
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		if allowed[origin] {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE")
			h.Set("Access-Control-Allow-Headers", "x-access-token, authorization, content-type, idempotency-key")
			h.Set("Access-Control-Max-Age", "7200")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// ParseOrigin checks an origin that is to be allowed and returns it as browsers
// write it: "https://app.example.com", "http://localhost:8081".
func ParseOrigin(text string) (string, error) {
	if text == "*" {
		return "", fmt.Errorf("origin %q: list each origin: cookies and tokens are not for every site", text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("origin %q: write it as https://app.example.com, with the port if it is not the usual one", text)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return "", fmt.Errorf("origin %q: an origin has a scheme, a host and a port only", text)
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else {
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host, nil
}
