package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxDocument  = 1 << 20         // bytes of metadata or of a key set
	fetchTimeout = 5 * time.Second // of one request, without streams
)

// fetcher gets documents of the issuer.
type fetcher struct {
	client http.Client
	plain  bool // plain http is allowed to any host
}

func newFetcher(client *http.Client, plain bool) *fetcher {
	f := &fetcher{plain: plain}
	if client != nil {
		f.client = *client
	}
	f.client.Timeout = 0 // the contexts have it: a stream has none
	f.client.Jar = nil
	f.client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
			return fmt.Errorf("redirected to another host: %s", next.URL.Host)
		}
		if len(via) > 3 {
			return errors.New("redirected too often")
		}
		return nil
	}
	return f
}

// statusError is an answer that is none: the status says why.
type statusError struct {
	url    string
	status int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s answered %d", e.url, e.status) }

// final reports whether asking again is no use: the server is there and says no.
func (e *statusError) final() bool {
	return e.status >= 300 && e.status < 500 && e.status != http.StatusTooManyRequests && e.status != http.StatusRequestTimeout
}

// allow reports why a URL is not fetched, or nil.
func (f *fetcher) allow(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("not a URL: %w", err)
	}
	switch {
	case u.Host == "" || u.User != nil:
		return fmt.Errorf("%q is not the URL of a host", address)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%q is not an https URL", address)
	case f.plain || loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q is plain http, which anybody on the way can change: use https, or WithPlainHTTP in a network that you trust", address)
}

// loopback reports whether the host is this machine by its very name.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// open sends a GET and returns the answer, whatever its status. The caller
// closes the body.
func (f *fetcher) open(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	if err := f.allow(address); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	r.Header = header
	return f.client.Do(r)
}

// get fetches a document of at most limit bytes.
func (f *fetcher) get(ctx context.Context, address string, limit int64) (string, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	response, err := f.open(ctx, address, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", nil, &statusError{address, response.StatusCode}
	}
	body, err := readAll(response.Body, limit)
	if err != nil {
		return "", nil, fmt.Errorf("read %s: %w", address, err)
	}
	return body, response.Header, nil
}

// readAll reads everything, unless it is more than limit.
func readAll(from io.Reader, limit int64) (string, error) {
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(body)) > limit {
		return "", fmt.Errorf("longer than %d bytes", limit)
	}
	return string(body), nil
}
