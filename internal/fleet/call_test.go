//go:build linux

package fleet

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/nodetest"
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

// do sends the request, once. An error means that no whole answer came: whether the
// server did what was asked is not known.
func (c call) do(ctx context.Context, client *http.Client, url string) (answer, error) {
	a, err := nodetest.Request{
		Method: c.method, URL: url + c.path, Body: c.body, Access: c.access, Key: c.key,
		// Another place each time, so that no client is throttled for the others.
		From: fmt.Sprintf("10.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256)),
	}.Do(ctx, client)
	return answer{status: a.Status, retryAfter: a.RetryAfter, body: a.Body, took: a.Took}, err
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
