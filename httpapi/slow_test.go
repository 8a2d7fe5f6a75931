package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// slowSessions is a session store that does not answer while it is told so.
type slowSessions struct {
	session.Store
	hangs atomic.Bool
}

func (s *slowSessions) Find(ctx context.Context, id session.ID) (session.Session, error) {
	if s.hangs.Load() {
		<-ctx.Done()
		return session.Session{}, ctx.Err()
	}
	return s.Store.Find(ctx, id)
}

func (s *slowSessions) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	if s.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.ByUser(ctx, user, now)
}

// A proxy keeps its connections: one whose request ran out of time must serve the
// next one as if nothing had been.
func TestARequestThatRanOutOfTimeSpoilsNoConnection(t *testing.T) {
	t.Parallel()
	var sessions *slowSessions
	a := start(t, func(c *watchword.Config) {
		sessions = &slowSessions{Store: c.Store.Sessions}
		c.Store.Sessions = sessions
	})
	u := a.signedIn("ada")
	a.seen.add(u.refresh)
	a.seen.add(u.access)
	for name, request := range map[string]func() *http.Request{
		"with a body": func() *http.Request {
			r := httptest.NewRequest("POST", a.url+"/api/auth/refreshtoken", strings.NewReader(`{"refreshToken":"`+u.refresh+`"}`))
			r.Header.Set("Content-Type", "application/json")
			return r
		},
		"without": func() *http.Request {
			r := httptest.NewRequest("GET", a.url+"/api/auth/sessions", nil)
			r.Header.Set("Authorization", "Bearer "+u.access)
			return r
		},
	} {
		transport := &http.Transport{MaxConnsPerHost: 1}
		t.Cleanup(transport.CloseIdleConnections)
		send := func(want int) {
			t.Helper()
			reused := false
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
			answer, err := transport.RoundTrip(request().WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if content, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != want {
				t.Errorf("%s, on the same connection %t: %d, %v; want %d: %s", name, reused, answer.StatusCode, err, want, content)
			}
		}
		send(http.StatusOK)
		sessions.hangs.Store(true)
		send(http.StatusServiceUnavailable)
		sessions.hangs.Store(false)
		send(http.StatusOK)
		send(http.StatusOK)
	}
}
