package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"sync"
	"testing"
)

// TestSIGTERMLosesNoRequestInFlight ends a server while sign-ins wait for their
// turn to be hashed. Each was sent before the signal, so each is answered (by a
// 503, if it waited for too long).
func TestSIGTERMLosesNoRequestInFlight(t *testing.T) {
	t.Parallel()
	const many = 24
	n := startNode(t, "watchword", filepath.Join(t.TempDir(), "data"), "--trusted-proxy", "127.0.0.1", "--drain", "1m")
	password := rand.Text()
	client := newClient(t)
	for i := range many {
		a, err := call{
			method: "POST", path: "/api/auth/signup", from: fmt.Sprintf("10.0.0.%d", i),
			body: map[string]string{"username": fmt.Sprintf("user%d", i), "email": fmt.Sprintf("user%d@example.org", i), "password": password},
		}.do(t.Context(), client, n.url)
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("sign up: %v %v", a, err)
		}
	}

	var sent, answered sync.WaitGroup
	for i := range many {
		sent.Add(1)
		done := sync.OnceFunc(sent.Done)
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { done() },
		})
		answered.Go(func() {
			defer done()
			a, err := call{
				method: "POST", path: "/api/auth/signin", from: fmt.Sprintf("10.0.1.%d", i),
				body: map[string]string{"username": fmt.Sprintf("user%d", i), "password": password},
			}.do(ctx, client, n.url)
			if err != nil || a.status != http.StatusOK && a.status != http.StatusServiceUnavailable {
				t.Errorf("a sign-in that was sent before the signal got %v, %v", a, err)
			}
		})
	}
	sent.Wait()
	// Connections are accepted in their order: who is answered on a later one knows that all were.
	if a, err := (call{method: "GET", path: "/healthz"}).do(t.Context(), newClient(t), n.url); err != nil || a.status != http.StatusOK {
		t.Fatalf("healthz: %v %v", a, err)
	}
	if err := n.stop(t); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, n.log)
	}
	answered.Wait()
	if _, err := (call{method: "GET", path: "/healthz"}).do(t.Context(), client, n.url); err == nil {
		t.Error("a server that has ended answers")
	}
}
