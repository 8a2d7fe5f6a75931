//go:build linux

package fleet

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answer is what the API answered.
type answer struct {
	status     int
	retryAfter string
	body       map[string]any
	took       time.Duration
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// String leaves out what an answer may hold that no log should.
func (a answer) String() string {
	return fmt.Sprintf("%d %s %s %s (%s)", a.status, a.text("code"), a.text("reason"), a.text("session"), a.took.Round(time.Millisecond))
}

// call is one request to the API.
type call struct {
	method, path string
	body         any // as JSON; nil: none
	access       string
	key          string // Idempotency-Key
}

func signUp(name string) call {
	return call{method: "POST", path: "/api/auth/signup", body: map[string]string{"username": name, "email": name + "@example.org", "password": password}}
}

func signIn(name string) call {
	return call{method: "POST", path: "/api/auth/signin", body: map[string]string{"username": name, "password": password}}
}

func signOut(token string) call {
	return call{method: "POST", path: "/api/auth/signout", body: map[string]string{"refreshToken": token}}
}

func refresh(token, key string) call {
	return call{method: "POST", path: "/api/auth/refreshtoken", body: map[string]string{"refreshToken": token}, key: key}
}

// browser is the way of the clients to the nodes. No request is sent twice without
// the client's doing.
func browser(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// do sends the request. An error means that no whole answer came: whether the
// server did what was asked is not known.
func (c call) do(ctx context.Context, client *http.Client, url string) (answer, error) {
	content, err := json.Marshal(c.body)
	if err != nil {
		return answer{}, err
	}
	if c.body == nil {
		content = nil
	}
	request, err := http.NewRequestWithContext(ctx, c.method, url+c.path, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	request.GetBody = nil // or the transport would send a request with a key again by itself
	// From another place each time, so that no client is throttled for the others.
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256)))
	for name, value := range map[string]string{"Content-Type": "application/json", "Idempotency-Key": c.key} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if c.access != "" {
		request.Header.Set("Authorization", "Bearer "+c.access)
	}
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	if content, err = io.ReadAll(response.Body); err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After"), took: time.Since(began)}
	if len(content) > 0 {
		if err := json.Unmarshal(content, &a.body); err != nil {
			return answer{}, fmt.Errorf("%s %s answered no JSON object", c.method, c.path)
		}
	}
	return a, nil
}

// generationOf reads the generation out of a refresh token, as no client does.
func generationOf(t testing.TB, token string) uint32 {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "wwr_"))
	if err != nil || len(raw) != 42 {
		t.Fatalf("a refresh token is of another form")
	}
	return binary.BigEndian.Uint32(raw[18:22])
}
