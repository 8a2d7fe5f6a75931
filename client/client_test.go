package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/client"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

const password = "correct horse battery"

// world is a real server under a clock that the test turns, an API that it
// guards, and a road between them and the client on which answers get lost.
type world struct {
	t      *testing.T
	server *watchword.Server
	url    string
	ada    account.User

	mu    sync.Mutex
	ahead time.Duration

	refreshes atomic.Int64 // that arrived at the server
	loseNext  atomic.Int64 // how many answers to refreshes are lost from now on
	down      atomic.Bool  // the sign-in server cannot be reached
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	server, err := watchword.New(t.Context(), watchword.Config{Now: w.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w.server = server
	mux := http.NewServeMux()
	mux.Handle("/", server)
	mux.Handle("POST /orders", server.Require("user")(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(out, "%s orders %s", claims.Username, body)
	})))
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	w.url = listener.URL
	w.ada, err = server.Accounts().Create(t.Context(), account.NewUser{Username: "ada", Email: "ada@example.org", Password: password}, account.Actor{By: account.ByCLI})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// RoundTrip is the road to the sign-in server.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.down.Load() {
		return nil, errors.New("no route to host")
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, "/refreshtoken") {
		w.refreshes.Add(1)
		if w.loseNext.Add(-1) >= 0 && err == nil {
			response.Body.Close()
			return nil, errors.New("connection reset")
		}
	}
	return response, err
}

func (w *world) client(storage client.Storage) *client.Client {
	w.t.Helper()
	c, err := client.New(w.url, client.WithStorage(storage), client.WithHTTPClient(&http.Client{Transport: w}), client.WithNow(w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) signedIn(storage client.Storage) *client.Client {
	w.t.Helper()
	c := w.client(storage)
	if err := c.SignIn(w.t.Context(), "ada", password); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// order asks the API for something and returns its answer.
func (w *world) order(c *client.Client) (int, string, error) {
	w.t.Helper()
	transport, err := c.Transport(nil, w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	api := &http.Client{Transport: transport}
	response, err := api.Post(w.url+"/orders", "text/plain", strings.NewReader("tea"))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func (w *world) mustOrder(c *client.Client) {
	w.t.Helper()
	if status, body, err := w.order(c); err != nil || status != 200 || body != "ada orders tea" {
		w.t.Fatalf("order = %d %q, %v", status, body, err)
	}
}

func TestTheTokenIsRenewedWithoutAnybodyNoticing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	for range 5 {
		w.mustOrder(c)
		w.wait(11 * time.Minute)
	}
	w.mustOrder(c)
	if got := w.refreshes.Load(); got != 5 {
		t.Errorf("%d refreshes, want 5", got)
	}
}

func TestManyRequestsShareOneRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	w.wait(11 * time.Minute)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { w.mustOrder(c) })
	}
	wg.Wait()
	if got := w.refreshes.Load(); got != 1 {
		t.Errorf("%d refreshes, want 1", got)
	}
}

func TestALostAnswerCostsARetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	w.wait(11 * time.Minute)
	w.loseNext.Store(2)
	w.mustOrder(c)
	w.wait(11 * time.Minute)
	w.mustOrder(c)
}

// The program stops after the server rotated and before it saw the answer, and
// starts again days later: the request key tells it from a thief.
func TestARestartAfterALostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	storage := client.NewFile(filepath.Join(t.TempDir(), "sub", "credentials.json"))
	c := w.signedIn(storage)
	w.wait(11 * time.Minute)
	w.loseNext.Store(100)
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := c.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Token = %v, want the deadline", err)
	}
	w.wait(6 * 24 * time.Hour)
	w.loseNext.Store(0)
	w.mustOrder(w.client(storage))
}

func TestProgramsThatShareAFileShareTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "credentials.json")
	programs := []*client.Client{w.signedIn(client.NewFile(path))}
	for range 3 {
		programs = append(programs, w.client(client.NewFile(path)))
	}
	for range 10 {
		w.wait(11 * time.Minute)
		var wg sync.WaitGroup
		for _, c := range programs {
			wg.Go(func() { w.mustOrder(c) })
		}
		wg.Wait()
	}
	live, err := w.server.Sessions().ByUser(t.Context(), w.ada.ID)
	if err != nil || len(live) != 1 {
		t.Errorf("%d sessions live, %v; want 1", len(live), err)
	}
}

func TestAnOutageSignsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	w.down.Store(true)
	w.mustOrder(c) // the token still lives

	w.wait(10*time.Minute - 30*time.Second) // time to renew, but not yet over
	w.mustOrder(c)

	w.wait(time.Minute)
	if _, _, err := w.order(c); err == nil || errors.Is(err, client.ErrSignedOut) {
		t.Errorf("order = %v, want a passing failure", err)
	}
	w.down.Store(false)
	w.mustOrder(c)
}

func TestAStaleTokenIsRenewedAndTheRequestSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	w.mustOrder(c)
	if _, err := w.server.Accounts().SetRoles(t.Context(), w.ada.ID, []string{"user", "moderator"}, account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	w.mustOrder(c)
	if got := w.refreshes.Load(); got != 1 {
		t.Errorf("%d refreshes, want 1", got)
	}
}

func TestAnEndedSessionIsSignedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	storage := client.NewMemory()
	c := w.signedIn(storage)
	if _, err := w.server.Sessions().EndUser(t.Context(), w.ada.ID, session.ID{}, session.EndedByAdmin, "cli"); err != nil {
		t.Fatal(err)
	}
	if status, _, err := w.order(c); err != nil || status != http.StatusUnauthorized {
		t.Errorf("order = %d, %v; want 401", status, err)
	}
	_, err := c.Token(t.Context())
	if !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("Token = %v, want ErrSignedOut", err)
	}
	if kept, _ := storage.Load(t.Context()); kept != (client.Credentials{}) {
		t.Error("the credentials were kept")
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	if err := c.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Token(t.Context()); !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("Token = %v, want ErrSignedOut", err)
	}
	if live, err := w.server.Sessions().ByUser(t.Context(), w.ada.ID); err != nil || len(live) != 0 {
		t.Errorf("%d sessions live, %v", len(live), err)
	}
	if err := c.SignOut(t.Context()); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestAWrongPasswordIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := w.client(client.NewMemory()).SignIn(t.Context(), "ada@example.org", "not the password")
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok || problem.Status != http.StatusUnauthorized || problem.Code != "credentials_wrong" {
		t.Errorf("SignIn = %v", err)
	}
	if strings.Contains(err.Error(), "not the password") {
		t.Error("the password is in the error")
	}
}

// The token is for the API alone: other hosts, and those it redirects to, get none.
func TestTheTokenGoesNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(client.NewMemory())
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer redirecting.Close()
	transport, err := c.Transport(nil, redirecting.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{elsewhere.URL, redirecting.URL} {
		response, err := (&http.Client{Transport: transport}).Get(address)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if len(seen) != 2 || seen[0] != "" || seen[1] != "" {
		t.Errorf("another host saw %q", seen)
	}
}

// Whoever answers in the server's place, or an old address of it, cannot have the
// password or the refresh token sent on to another host.
func TestARedirectCarriesNoSecretAway(t *testing.T) {
	t.Parallel()
	var carried atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		carried.Add(1)
		fmt.Fprint(w, `{"accessToken":"a","refreshToken":"r","expiresIn":600}`)
	}))
	defer elsewhere.Close()
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusFound} {
		moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		defer moved.Close()
		storage := client.NewMemory()
		if err := storage.Save(t.Context(), client.Credentials{RefreshToken: "wwr_secret", RequestKey: "k"}); err != nil {
			t.Fatal(err)
		}
		c, err := client.New(moved.URL, client.WithStorage(storage), client.WithHTTPClient(&http.Client{}))
		if err != nil {
			t.Fatal(err)
		}
		_, refreshing := c.Token(t.Context())
		for doing, err := range map[string]error{
			"sign in":  c.SignIn(t.Context(), "ada", password),
			"refresh":  refreshing,
			"sign out": c.SignOut(t.Context()),
		} {
			if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Status != status {
				t.Errorf("%d: %s: got %v", status, doing, err)
			}
		}
	}
	if n := carried.Load(); n > 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestNewRefusesAddressesThatWouldLeak(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "id.example.org", "http://id.example.org", "ftp://id.example.org", "https://ada:secret@id.example.org", "https://id.example.org/?x=1", "://"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("New(%q) was accepted", address)
		}
	}
	c, err := client.New("https://id.example.org/")
	if err != nil {
		t.Fatal(err)
	}
	for _, origins := range [][]string{nil, {"http://api.example.org"}, {"api.example.org"}, {"https://api.example.org/orders"}} {
		if _, err := c.Transport(nil, origins...); err == nil {
			t.Errorf("Transport(%q) was accepted", origins)
		}
	}
}

func TestFileIsPrivateAndWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app", "credentials.json")
	file := client.NewFile(path)
	if got, err := file.Load(t.Context()); err != nil || got != (client.Credentials{}) {
		t.Errorf("before anything was saved: %v, %v", got, err)
	}
	want := client.Credentials{RefreshToken: "wwr_x", RequestKey: "k"}
	if err := file.Save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := file.Load(t.Context()); err != nil || got != want {
		t.Errorf("Load = %v, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", want, want, want); strings.Contains(printed, "wwr_x") {
		t.Errorf("printed: %s", printed)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "sign in again") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestReplaceHasOneWinner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "credentials.json")
	memory := client.NewMemory()
	for name, storage := range map[string]func() client.Storage{
		"memory": func() client.Storage { return memory },
		"file":   func() client.Storage { return client.NewFile(path) }, // each as another program
	} {
		old := client.Credentials{RefreshToken: "wwr_old", RequestKey: "k"}
		if err := storage().Save(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		var wins atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				won, err := storage().Replace(t.Context(), old, client.Credentials{RefreshToken: "wwr_new", RequestKey: fmt.Sprint(i)})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if won {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Errorf("%s: %d winners, want 1", name, wins.Load())
		}
		kept, err := storage().Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if won, err := storage().Replace(t.Context(), kept, client.Credentials{}); err != nil || !won {
			t.Errorf("%s: forgetting: %v, %v", name, won, err)
		}
		if kept, err := storage().Load(t.Context()); err != nil || kept != (client.Credentials{}) {
			t.Errorf("%s: still kept after forgetting, %v", name, err)
		}
	}
}

// Whoever copied the storage is one honest retry, and then a thief.
func TestACopyOfTheStorageIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, stolen := client.NewMemory(), client.NewMemory()
	owner := w.signedIn(mine)
	copied, err := mine.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stolen.Save(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	thief := w.client(stolen)
	for range 4 {
		w.wait(11 * time.Minute)
		owner.Token(t.Context())
		w.wait(11 * time.Minute) // within the retry window the thief would get nothing, and change nothing
		thief.Token(t.Context())
	}
	for name, c := range map[string]*client.Client{"owner": owner, "thief": thief} {
		w.wait(11 * time.Minute)
		if _, err := c.Token(t.Context()); !errors.Is(err, client.ErrSignedOut) {
			t.Errorf("%s: Token = %v, want ErrSignedOut", name, err)
		}
	}
}

func ExampleClient_Transport() {
	c, err := client.New("https://id.example.org", client.WithStorage(client.NewFile("/home/ada/.config/orders/credentials.json")))
	if err != nil {
		fmt.Println(err)
		return
	}
	// Once: c.SignIn(ctx, "ada", password)
	transport, err := c.Transport(nil, "https://api.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := &http.Client{Transport: transport}
	_ = orders // orders.Get("https://api.example.org/orders")
	// Output:
}
