package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// metadata is what the issuer says of itself (RFC 8414 section 2).
type metadata struct {
	issuer      string
	keys        string // jwks_uri
	revocations string // watchword_revocations_uri; empty for an issuer without feed
}

// errContradiction marks answers that waiting does not mend: the configuration
// of one side is wrong.
var errContradiction = errors.New("the issuer's metadata contradict the configuration")

// discover fetches the metadata: those of RFC 8414 section 3.1, or else those of
// OpenID Connect Discovery section 4.
func (f *fetcher) discover(ctx context.Context, issuer string) (metadata, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return metadata{}, fmt.Errorf("%w: the issuer %q is not a URL without query and fragment", errContradiction, issuer)
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	text, _, err := f.get(ctx, origin+"/.well-known/oauth-authorization-server"+path, maxDocument)
	if missing := new(statusError); errors.As(err, &missing) && missing.status == http.StatusNotFound {
		text, _, err = f.get(ctx, origin+path+"/.well-known/openid-configuration", maxDocument)
	}
	if err != nil {
		return metadata{}, err
	}
	m, err := parseMetadata(text)
	switch {
	case err != nil:
		return metadata{}, fmt.Errorf("%w: %w", errContradiction, err)
	case m.issuer != issuer:
		// RFC 8414 section 3.3: identical, or not to be used.
		return metadata{}, fmt.Errorf("%w: they are of the issuer %.200q, not of %q: use the one or the other everywhere", errContradiction, m.issuer, issuer)
	case m.keys == "":
		return metadata{}, fmt.Errorf("%w: no jwks_uri", errContradiction)
	}
	for _, address := range []string{m.keys, m.revocations} {
		if address == "" {
			continue
		}
		if err := f.allow(address); err != nil {
			return metadata{}, fmt.Errorf("%w: %w", errContradiction, err)
		}
	}
	return m, nil
}

func parseMetadata(text string) (metadata, error) {
	var m metadata
	r := reader{text: text}
	r.object(func(name string) {
		switch name {
		case "issuer":
			m.issuer = r.string()
		case "jwks_uri":
			m.keys = r.string()
		case MetadataRevocations:
			m.revocations = r.string()
		default:
			r.skip()
		}
	})
	r.end()
	if r.failed {
		return metadata{}, errors.New("they are not strict JSON")
	}
	return m, nil
}
