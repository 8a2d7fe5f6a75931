package watchword_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/verify"
)

// visit is what the visitors of the example do.
func visit(site http.Handler) {
	ask := func(method, path, token, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	status, _ := ask("GET", "/hello", "", "")
	fmt.Println("a stranger:", status)
	ask("POST", "/api/auth/signup", "", `{"username":"ada","email":"ada@example.org","password":"correct horse battery"}`)
	_, in := ask("POST", "/api/auth/signin", "", `{"username":"ada","password":"correct horse battery"}`)
	var tokens struct{ AccessToken string }
	if err := json.Unmarshal([]byte(in), &tokens); err != nil {
		panic(err)
	}
	status, text := ask("GET", "/hello", tokens.AccessToken, "")
	fmt.Println("ada:", status, text)
}

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

// newSecret is a master secret for one test.
func newSecret(t *testing.T) string {
	t.Helper()
	text, err := secret.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// open starts a server that the test closes.
func open(t *testing.T, c watchword.Config) *watchword.Server {
	t.Helper()
	if c.Logger == nil {
		c.Logger = quiet
	}
	server, err := watchword.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// create adds a user without email address and password.
func create(t *testing.T, s *watchword.Server) account.User {
	t.Helper()
	u, err := s.Accounts().Create(t.Context(), account.NewUser{Username: "ada", Password: "correct horse battery"}, account.Actor{By: account.ByCLI})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func begin(t *testing.T, s *watchword.Server, u account.User) session.Grant {
	t.Helper()
	grant, err := s.Sessions().Begin(t.Context(), u, "watchword", session.Body, session.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func refresh(t *testing.T, s *watchword.Server, g session.Grant) error {
	t.Helper()
	_, err := s.Sessions().Refresh(t.Context(), session.Presented{Token: g.RefreshToken, ClientID: "watchword", Delivery: session.Body})
	return err
}

func TestASettingThatCannotBeMeantIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	lasting := memory.New()
	good := newSecret(t)
	for name, row := range map[string]struct {
		config watchword.Config
		hint   string
	}{
		"half a store":                       {watchword.Config{Store: store.Set{Users: lasting.Users}}, "set all, or none"},
		"a store without a secret":           {watchword.Config{Store: lasting}, "MasterSecretFile or MasterSecrets"},
		"two places for the secret":          {watchword.Config{MasterSecrets: []string{good}, MasterSecretFile: "x"}, "choose one"},
		"a weak master secret":               {watchword.Config{MasterSecrets: []string{"changeme"}}, "watchword secret"},
		"a weak old master secret":           {watchword.Config{MasterSecrets: []string{good, "changeme"}}, "watchword secret"},
		"an issuer that is no URL":           {watchword.Config{Issuer: "id.example.com"}, "https://id.example.com"},
		"an issuer of another scheme":        {watchword.Config{Issuer: "ftp://id.example.com"}, "https://id.example.com"},
		"an issuer with a slash":             {watchword.Config{Issuer: "https://id.example.com/"}, "slash"},
		"an issuer with a query":             {watchword.Config{Issuer: "https://id.example.com?x"}, "query"},
		"an issuer that cannot be read":      {watchword.Config{Issuer: "https://id.example.com:port"}, "https://id.example.com"},
		"an unknown algorithm":               {watchword.Config{Algorithm: "none"}, "ES256"},
		"HS256 without a secret":             {watchword.Config{Algorithm: verify.HS256}, "AccessTokenSecret"},
		"a shared secret for ES256":          {watchword.Config{Algorithm: verify.ES256, AccessTokenSecret: good}, "HS256"},
		"a weak shared secret":               {watchword.Config{AccessTokenSecret: "bezkoder-secret-key"}, "watchword secret"},
		"one secret for both tokens":         {watchword.Config{AccessTokenSecret: good, RefreshTokenSecret: good}, "resource server"},
		"the master secret for all to know":  {watchword.Config{AccessTokenSecret: good, MasterSecrets: []string{good + "\n"}}, "resource server"},
		"a weak refresh secret":              {watchword.Config{RefreshTokenSecret: "secret"}, "watchword secret"},
		"SameSite=None for every site":       {watchword.Config{CookieSameSite: http.SameSiteNoneMode}, "AllowOrigins"},
		"a SameSite that there is not":       {watchword.Config{CookieSameSite: 9}, "Strict, Lax or None"},
		"every origin":                       {watchword.Config{AllowOrigins: []string{"*"}}, "list each origin"},
		"a policy that makes no sense":       {watchword.Config{Policy: session.Policy{AccessTTL: time.Hour}}, "idle life"},
		"a role that nobody can write":       {watchword.Config{Roles: []string{"Chief Editor"}}, "a-z"},
		"a secret file in no folder":         {watchword.Config{MasterSecretFile: filepath.Join(t.TempDir(), "no", "secret")}, "no such file"},
		"a secret file that others can read": {watchword.Config{MasterSecretFile: readable(t)}, "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.config.Logger = quiet
			_, err := watchword.New(t.Context(), row.config)
			if !errors.Is(err, watchword.ErrConfig) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), row.hint) {
				t.Errorf("%v: no hint of %q", err, row.hint)
			}
			if strings.Contains(err.Error(), "changeme") || strings.Contains(err.Error(), "bezkoder-secret-key") {
				t.Errorf("%v: tells the secret", err)
			}
		})
	}
}

func readable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(newSecret(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDevelopmentSettingsAreSaidInTheLog(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		config watchword.Config
		said   []string
	}{
		"nothing set":        {watchword.Config{}, []string{"kept in memory", "development name"}},
		"the demo":           {watchword.Config{Demo: true}, []string{"demo"}},
		"http on a network":  {watchword.Config{Issuer: "http://id.example.com"}, []string{"in clear"}},
		"https, and a store": {watchword.Config{Issuer: "https://id.example.com", Store: memory.New(), MasterSecrets: []string{newSecret(t)}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			row.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			server, err := watchword.New(t.Context(), row.config)
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			for _, text := range row.said {
				if !strings.Contains(log.String(), text) {
					t.Errorf("not said: %q in %s", text, &log)
				}
			}
			if row.said == nil && strings.Contains(log.String(), "WARN") {
				t.Errorf("said without need: %s", &log)
			}
		})
	}
}

// A restart with the same store and secret signs nobody out and accepts what it signed.
func TestARestartSignsNobodyOut(t *testing.T) {
	t.Parallel()
	c := watchword.Config{Store: memory.New(), MasterSecretFile: filepath.Join(t.TempDir(), "master.key")}
	before := open(t, c)
	grant := begin(t, before, create(t, before))
	after := open(t, c)
	if _, err := after.Verifier().Verify(t.Context(), grant.AccessToken); err != nil {
		t.Error(err)
	}
	if err := refresh(t, after, grant); err != nil {
		t.Error(err)
	}
}

// Secrets are replaced while people are signed in.
func TestANewSecretSignsNobodyOut(t *testing.T) {
	t.Parallel()
	texts := []string{newSecret(t), newSecret(t), newSecret(t)}
	stores := memory.New()
	old := open(t, watchword.Config{Store: stores, MasterSecrets: texts[:1]})
	u := create(t, old)
	grant := begin(t, old, u)
	for name, c := range map[string]watchword.Config{
		"another master secret":       {MasterSecrets: []string{texts[1], texts[0]}},
		"a refresh secret of its own": {MasterSecrets: texts[:1], RefreshTokenSecret: texts[2]},
		"both":                        {MasterSecrets: []string{texts[1], texts[0]}, RefreshTokenSecret: texts[2]},
		"a node that knows the new one, not using yet": {MasterSecrets: []string{texts[0], texts[1]}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Store = stores
			server := open(t, c)
			if err := refresh(t, server, grant); err != nil {
				t.Error(err)
			}
			if _, err := server.Verifier().Verify(t.Context(), grant.AccessToken); err != nil {
				t.Error(err)
			}
			if err := refresh(t, server, begin(t, server, u)); err != nil {
				t.Error(err)
			}
		})
	}
	stranger := open(t, watchword.Config{MasterSecrets: texts[1:2]})
	if err := refresh(t, stranger, grant); !errors.Is(err, session.ErrToken) {
		t.Errorf("another secret opens it: %v", err)
	}
}

// Two nodes share a store. What one ends, the other refuses within a second.
func TestARevocationReachesTheOtherNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := watchword.Config{Store: memory.New(), MasterSecrets: []string{newSecret(t)}}
		here, there := open(t, c), open(t, c)
		u := create(t, here)
		ended, stale := begin(t, here, u), begin(t, here, u)
		for _, g := range []session.Grant{ended, stale} {
			if _, err := there.Verifier().Verify(t.Context(), g.AccessToken); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := here.Sessions().End(t.Context(), ended.Session.ID, session.EndedByAdmin, "cli"); err != nil {
			t.Fatal(err)
		}
		if _, err := here.Accounts().SetRoles(t.Context(), u.ID, []string{"admin"}, account.Actor{By: account.ByCLI}); err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]*watchword.Server{"here": here, "there": there} {
			if name == "there" {
				<-time.After(time.Second)
			}
			if _, err := s.Verifier().Verify(t.Context(), ended.AccessToken); !errors.Is(err, verify.ErrRevoked) {
				t.Errorf("%s: ended: %v", name, err)
			}
			if _, err := s.Verifier().Verify(t.Context(), stale.AccessToken); !errors.Is(err, verify.ErrStale) {
				t.Errorf("%s: stale: %v", name, err)
			}
		}
		here.Close()
		there.Close()
	})
}

// For a day nobody touches it: what other nodes did to the keys is taken over, what
// is old is forgotten, and after Close nothing runs, or synctest would say so.
func TestTheWorkInTheBackgroundIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := session.DefaultPolicy()
		policy.IdleTTL, policy.TTL = time.Hour, time.Hour
		c := watchword.Config{Store: memory.New(), MasterSecrets: []string{newSecret(t)}, Policy: policy, Logger: quiet}
		server, err := watchword.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		old := begin(t, server, create(t, server))
		for _, days := range []int{170, 181} {
			at := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
			if err := c.Store.Events.Record(t.Context(), audit.Event{ID: uuid.New(at, rand.Reader), At: at, Type: audit.UserSignedUp, User: fmt.Sprint(days)}); err != nil {
				t.Fatal(err)
			}
		}
		first := current(server)
		other, err := watchword.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Keys().RotateNow(t.Context(), true, "cli"); err != nil {
			t.Fatal(err)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		<-time.After(signing.MaintainEvery + time.Second)
		if now := current(server); now == first || now != current(other) {
			t.Errorf("signs with %s, not with %s", now, current(other))
		}
		<-time.After(24 * time.Hour)
		if _, err := c.Store.Sessions.Find(t.Context(), old.Session.ID); err != nil {
			t.Errorf("forgotten too early: %v", err)
		}
		<-time.After(2 * time.Hour)
		if _, err := c.Store.Sessions.Find(t.Context(), old.Session.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("not forgotten: %v", err)
		}
		for user, want := range map[string]int{"170": 1, "181": 0} {
			events, err := c.Store.Events.Events(t.Context(), audit.Query{User: user})
			if err != nil || len(events) != want {
				t.Errorf("of an event %s days old %d are kept: %v", user, len(events), err)
			}
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := server.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// current is the id of the key that signs.
func current(s *watchword.Server) string {
	for _, k := range s.Keys().List() {
		if k.State == signing.Current {
			return k.ID
		}
	}
	return ""
}

func TestVerdictsAreObserved(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[session.Kind]int{}
	server := open(t, watchword.Config{Observe: func(k session.Kind, _ bool) {
		mu.Lock()
		defer mu.Unlock()
		seen[k]++
	}})
	if err := refresh(t, server, begin(t, server, create(t, server))); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if seen[session.Keep] != 1 {
		t.Errorf("got %v", seen)
	}
}

// The start fails if the store does, and leaves nothing running.
func TestAStoreThatIsDownFailsTheStart(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	for name, set := range map[string]func(*store.Set){
		"keys":     func(s *store.Set) { s.Keys = brokenKeys{s.Keys, down} },
		"sessions": func(s *store.Set) { s.Sessions = brokenSessions{s.Sessions, down} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores := memory.New()
			set(&stores)
			_, err := watchword.New(t.Context(), watchword.Config{Store: stores, MasterSecrets: []string{newSecret(t)}, Logger: quiet})
			if !errors.Is(err, down) || errors.Is(err, watchword.ErrConfig) {
				t.Errorf("got %v", err)
			}
		})
	}
}

type brokenKeys struct {
	signing.Store
	err error
}

func (b brokenKeys) Keys(context.Context) ([]signing.Record, error) { return nil, b.err }

type brokenSessions struct {
	session.Store
	err error
}

func (b brokenSessions) RevokedSince(context.Context, time.Time) ([]session.Revocation, error) {
	return nil, b.err
}

func TestTheClientsAddressComesFromTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	server := open(t, watchword.Config{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Logger:         slog.New(slog.NewTextHandler(&log, nil)),
	})
	r := httptest.NewRequest("GET", "/nowhere", nil) // from 192.0.2.1
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	if _, err := io.Copy(io.Discard, w.Body); err != nil || !strings.Contains(log.String(), "from=198.51.100.7") {
		t.Errorf("%v: %s", err, &log)
	}
}
