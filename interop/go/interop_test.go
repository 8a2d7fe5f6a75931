package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/session"
)

const password = "correct horse battery"

// site is a server whose clock runs ahead by as much as a test likes.
type site struct {
	*watchword.Server
	t     *testing.T
	url   string
	ahead atomic.Int64
}

func start(t *testing.T, clients ...httpapi.Client) *site {
	t.Helper()
	s := &site{t: t}
	front := httptest.NewUnstartedServer(nil)
	s.url = "http://" + front.Listener.Addr().String()
	server, err := watchword.New(t.Context(), watchword.Config{
		Issuer: s.url, Clients: clients, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server, front.Config.Handler = server, server
	front.Start()
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// pass makes refresh tokens old enough to be replaced.
func (s *site) pass() { s.ahead.Add(int64(time.Minute)) }

// signIn signs up and in over HTTP. The access token of the result counts as expired,
// so that the library renews it at its first use.
func (s *site) signIn(name string) *oauth2.Token {
	s.t.Helper()
	s.post("/api/auth/signup", map[string]string{"username": name, "email": name + "@example.org", "password": password})
	answer := s.post("/api/auth/signin", map[string]string{"username": name, "password": password})
	return &oauth2.Token{AccessToken: answer["accessToken"].(string), RefreshToken: answer["refreshToken"].(string), Expiry: time.Now().Add(-time.Hour)}
}

func (s *site) post(path string, body any) map[string]any {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.Post(s.url+path, "application/json", bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var object map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&object); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %v %v", path, answer.StatusCode, object, err)
	}
	return object
}

// expired is the token with an access token that has to be renewed.
func expired(t *oauth2.Token) *oauth2.Token {
	return &oauth2.Token{AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, Expiry: time.Now().Add(-time.Hour)}
}

func (s *site) config(id, secret string, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: oauth2.Endpoint{TokenURL: s.url + "/oauth/token", AuthStyle: style}}
}

// me asks who is signed in, with a client that renews by itself.
func (s *site) me(c *http.Client) string {
	s.t.Helper()
	answer, err := c.Get(s.url + "/api/auth/me")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var me struct{ Username string }
	if err := json.Unmarshal(text, &me); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%d: %s", answer.StatusCode, text)
	}
	return me.Username
}

func TestXOAuth2RenewsByItself(t *testing.T) {
	t.Parallel()
	for name, style := range map[string]oauth2.AuthStyle{"whichever way works": oauth2.AuthStyleAutoDetect, "in the form": oauth2.AuthStyleInParams, "in the header": oauth2.AuthStyleInHeader} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			token := s.signIn("ada")
			for range 3 {
				s.pass()
				source := s.config("watchword", "", style).TokenSource(t.Context(), expired(token))
				if got := s.me(oauth2.NewClient(t.Context(), source)); got != "ada" {
					t.Errorf("signed in as %q", got)
				}
				renewed, err := source.Token()
				if err != nil {
					t.Fatal(err)
				}
				if renewed.RefreshToken == token.RefreshToken || renewed.Type() != "Bearer" || time.Until(renewed.Expiry) < 9*time.Minute {
					t.Errorf("got %s, until %s, another refresh token: %v", renewed.Type(), renewed.Expiry, renewed.RefreshToken != token.RefreshToken)
				}
				token = renewed
			}
		})
	}
}

func TestXOAuth2TellsTheEndFromAPassingFailure(t *testing.T) {
	t.Parallel()
	s := start(t)
	config := s.config("watchword", "", oauth2.AuthStyleInParams)
	first := s.signIn("ada")
	token := first
	for range 2 {
		s.pass()
		renewed, err := config.TokenSource(t.Context(), expired(token)).Token()
		if err != nil {
			t.Fatal(err)
		}
		token = renewed
	}
	refusal := func(token *oauth2.Token) (status int, code string) {
		t.Helper()
		_, err := config.TokenSource(t.Context(), expired(token)).Token()
		failed, ok := errors.AsType[*oauth2.RetrieveError](err)
		if !ok {
			t.Fatalf("got %v", err)
		}
		return failed.Response.StatusCode, failed.ErrorCode
	}
	// A token that was replaced twice, a moment ago: late, or stolen. Nothing ends yet.
	if status, code := refusal(first); status != http.StatusConflict || code != "temporarily_unavailable" {
		t.Errorf("a straggler: %d %s", status, code)
	}
	if _, err := config.TokenSource(t.Context(), expired(token)).Token(); err != nil {
		t.Errorf("the session after a straggler: %v", err)
	}
	s.pass()
	for _, presented := range []*oauth2.Token{first, token} { // first the stolen one, then the owner's
		if status, code := refusal(presented); status != http.StatusBadRequest || code != "invalid_grant" {
			t.Errorf("the end: %d %s", status, code)
		}
	}
}

func TestXOAuth2RenewsForAConfidentialClient(t *testing.T) {
	t.Parallel()
	client, secret, err := httpapi.NewClient("back-office_1", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, client)
	user, err := s.Accounts().Create(t.Context(), account.NewUser{Username: "ada", Password: password}, account.Actor{By: account.ByCLI})
	if err != nil {
		t.Fatal(err)
	}
	for name, style := range map[string]oauth2.AuthStyle{"whichever way works": oauth2.AuthStyleAutoDetect, "in the form": oauth2.AuthStyleInParams, "in the header": oauth2.AuthStyleInHeader} {
		grant, err := s.Sessions().Begin(t.Context(), user, client.ID, session.Body, session.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		s.pass()
		token := &oauth2.Token{AccessToken: grant.AccessToken, RefreshToken: grant.RefreshToken, Expiry: time.Now().Add(-time.Hour)}
		wrong := s.config(client.ID, secret+"x", style).TokenSource(t.Context(), token)
		if _, err := wrong.Token(); err == nil {
			t.Errorf("%s: renewed with a wrong secret", name)
		}
		if _, err := s.config(client.ID, secret, style).TokenSource(t.Context(), token).Token(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGoOIDCFindsAndVerifies(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn("ada")
	provider, err := oidc.NewProvider(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	if got := provider.Endpoint().TokenURL; got != s.url+"/oauth/token" {
		t.Errorf("the token endpoint is %q", got)
	}
	// It makes no difference between access tokens and ID tokens: the audience does.
	verifier := provider.VerifierContext(context.Background(), &oidc.Config{ClientID: watchword.DefaultAudience})
	verified, err := verifier.Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Username string   `json:"preferred_username"`
		Roles    []string `json:"roles"`
	}
	if err := verified.Claims(&claims); err != nil || claims.Username != "ada" || len(claims.Roles) != 1 || verified.Issuer != s.url {
		t.Errorf("got %+v, %v", claims, err)
	}
	elsewhere := provider.VerifierContext(context.Background(), &oidc.Config{ClientID: "another-api"})
	if _, err := elsewhere.Verify(t.Context(), token.AccessToken); err == nil {
		t.Error("a token for another audience is accepted")
	}
}
