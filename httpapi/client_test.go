package httpapi_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/client"
)

// The Go client against the real server, each exchange held against the contract.
func TestTheGoClientStaysSignedIn(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	c, err := client.New(a.url, client.WithHTTPClient(a.visitor(nil).http), client.WithNow(a.clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SignIn(t.Context(), "ada", password); err != nil {
		t.Fatal(err)
	}
	transport, err := c.Transport(&checked{a}, a.url)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", a.url+"/api/auth/me", nil)
		if err != nil {
			return 0, err
		}
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			return 0, err
		}
		return answer.StatusCode, answer.Body.Close()
	}
	want := func(status int) {
		t.Helper()
		if got, err := ask(); got != status || err != nil {
			t.Fatalf("got %d, %v; want %d", got, err, status)
		}
	}
	for range 5 {
		want(200)
		a.clock.Advance(time.Hour)
	}

	u, err := a.Accounts().Lookup(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Accounts().SetRoles(t.Context(), u.ID, []string{"user", "moderator"}, account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	want(200) // the token was stale: the client refreshed

	a.clock.Advance(time.Hour)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := ask(); got != 200 || err != nil {
				t.Errorf("at the same moment: %d, %v", got, err)
			}
		})
	}
	all.Wait()

	if _, err := a.Accounts().Block(t.Context(), u.ID, "", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	want(401)
	a.clock.Advance(time.Hour)
	if _, err := ask(); !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("blocked: %v", err)
	}
}
