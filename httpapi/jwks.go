package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/signing"
)

// jwks answers GET /.well-known/jwks.json.
func (a *api) jwks(w http.ResponseWriter, r *http.Request) error {
	body := a.Keys.JWKS()
	h := w.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", a.Keys.MaxAge()/time.Second))
	if notModified(w, r, signing.ETag(body)) {
		return nil
	}
	h.Set("Content-Type", signing.JWKSType)
	w.Write(body)
	return nil
}

// notModified sets the entity tag and, if the client has that entity already,
// answers so (RFC 9110 section 13.1.2).
func notModified(w http.ResponseWriter, r *http.Request, etag string) bool {
	w.Header().Set("ETag", etag)
	for _, line := range r.Header.Values("If-None-Match") {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == etag || candidate == "*" {
				w.WriteHeader(http.StatusNotModified)
				return true
			}
		}
	}
	return false
}
