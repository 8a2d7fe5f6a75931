package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Request is one to the API of a node.
type Request struct {
	Method, URL string
	Body        any    // as JSON; nil: none
	Access      string // an access token
	Key         string // Idempotency-Key
	From        string // the client's address, as a proxy tells it
}

// Answer is what the API answered.
type Answer struct {
	Status     int
	RetryAfter string
	Body       map[string]any
	Took       time.Duration
}

// Client is an HTTP client with connections of its own.
func Client(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// Do sends the request, once. An error means that no whole answer came: whether the
// server did what was asked is not known.
func (r Request) Do(ctx context.Context, client *http.Client) (Answer, error) {
	request, err := r.encode(ctx)
	if err != nil {
		return Answer{}, err
	}
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After"), Took: time.Since(began)}
	if len(content) > 0 {
		if err := json.Unmarshal(content, &a.Body); err != nil {
			return Answer{}, fmt.Errorf("%s %s answered no JSON object", r.Method, request.URL.Path)
		}
	}
	return a, nil
}

func (r Request) encode(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		content, err := json.Marshal(r.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return nil, err
	}
	request.GetBody = nil // or the transport would send a request with a key again by itself
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Idempotency-Key": r.Key, "X-Forwarded-For": r.From,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if r.Access != "" {
		request.Header.Set("Authorization", "Bearer "+r.Access)
	}
	return request, nil
}
