package client

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Transport lends the access token to requests for the named origins, such as
// https://api.example.org, and to no other: a redirect must not carry it away.
// Requests elsewhere pass unchanged. base does the work; nil is http.DefaultTransport.
//
// A request that is answered 401 because its token expired or became stale is
// sent once more with a new one, if its body can be read again (http.NewRequest
// sees to that for the usual kinds).
func (c *Client) Transport(base http.RoundTripper, origins ...string) (http.RoundTripper, error) {
	if base == nil {
		base = http.DefaultTransport
	}
	if len(origins) == 0 {
		return nil, fmt.Errorf("client: name the origins that may see the access token, such as https://api.example.org")
	}
	t := &transport{client: c, base: base, origins: map[string]bool{}}
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Path != "" && u.Path != "/" {
			return nil, fmt.Errorf("client: %q is not an origin, such as https://api.example.org", origin)
		}
		if u.Scheme != "https" && !(u.Scheme == "http" && local(u.Hostname())) {
			return nil, fmt.Errorf("client: the origin %q must begin with https://", origin)
		}
		t.origins[originOf(u)] = true
	}
	return t, nil
}

type transport struct {
	client  *Client
	base    http.RoundTripper
	origins map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !t.origins[originOf(request.URL)] {
		return t.base.RoundTrip(request)
	}
	token, err := t.client.Token(request.Context())
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	response, err := t.base.RoundTrip(withToken(request, request.Body, token))
	if err != nil || response.StatusCode != http.StatusUnauthorized || !invalidToken(response) {
		return response, err
	}
	again := request.Body
	if request.Body != nil && request.Body != http.NoBody {
		if request.GetBody == nil {
			return response, nil
		}
		if again, err = request.GetBody(); err != nil {
			return response, nil
		}
	}
	token, err = t.client.renew(request.Context(), token)
	if err != nil {
		if again != nil {
			again.Close()
		}
		return response, nil // the caller sees the 401; the next request says why
	}
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection is used again
	response.Body.Close()
	return t.base.RoundTrip(withToken(request, again, token))
}

// withToken is the request with another body and the token: a RoundTripper does
// not change what it is given.
func withToken(request *http.Request, body io.ReadCloser, token string) *http.Request {
	clone := request.Clone(request.Context())
	clone.Body = body
	clone.Header.Set("Authorization", "Bearer "+token)
	return clone
}

// invalidToken tells a token that a refresh would mend from other reasons (RFC
// 6750 section 3.1).
func invalidToken(response *http.Response) bool {
	for _, challenge := range response.Header.Values("WWW-Authenticate") {
		if strings.Contains(challenge, `error="invalid_token"`) {
			return true
		}
	}
	return false
}

// originOf is scheme, host and port, the usual port left out.
func originOf(u *url.URL) string {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + ":" + port
}
