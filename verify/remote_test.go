package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

const (
	metadataPath = "/.well-known/oauth-authorization-server"
	openIDPath   = "/.well-known/openid-configuration"
	keysPath     = "/.well-known/jwks.json"
)

func TestAnIssuerThatIsDownAtTheStartIsAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		n.breakWith(cut)
		start := time.Now()
		v := n.verifier(t)
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("New took %s", waited)
		}
		token := i.Mint(verify.Claims{SessionID: "s"})
		mustRefuse(t, v, token, verify.ErrKeysUnavailable)
		if err := v.Ready(); !errors.Is(err, verify.ErrKeysUnavailable) {
			t.Errorf("Ready() = %v", err)
		}
		if s := v.Status(); s.Keys != 0 || !errors.Is(s.KeysError, errCut) {
			t.Errorf("status %+v", s)
		}

		pass(5 * time.Minute)
		if asked := n.requests(metadataPath); asked < 10 || asked > 30 {
			t.Errorf("asked %d times in five minutes", asked)
		}
		n.breakWith(nil)
		pass(31 * time.Second)
		mustAccept(t, v, i.Mint(verify.Claims{}))
		if err := v.Ready(); err != nil {
			t.Errorf("Ready() = %v", err)
		}
		i.Revoke("s")
		synctest.Wait()
		mustRefuse(t, v, i.Mint(verify.Claims{SessionID: "s"}), verify.ErrRevoked)
	})
}

func TestAnIssuerThatGoesDownLaterStopsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed())
		n.breakWith(cut)
		pass(24 * time.Hour)
		mustAccept(t, v, i.Mint(verify.Claims{}))

		// Of a key that is not known nothing can be said: that is nobody's fault.
		i.RotateKey()
		mustRefuse(t, v, i.Mint(verify.Claims{}), verify.ErrKeysUnavailable)
		n.breakWith(nil)
		pass(31 * time.Second)
		mustAccept(t, v, i.Mint(verify.Claims{}))
	})
}

func TestKeysAreFetchedBeforeTheirMaxAgePasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed()) // the keys may be used for 300 s
		if fetched := n.requests(keysPath); fetched != 1 {
			t.Fatalf("fetched %d times at the start", fetched)
		}
		pass(200 * time.Second)
		if fetched := n.requests(keysPath); fetched != 1 {
			t.Errorf("fetched %d times after 200 s", fetched)
		}
		i.RotateKey()
		pass(26 * time.Second)
		if fetched := n.requests(keysPath); fetched != 2 {
			t.Errorf("fetched %d times after 226 s", fetched)
		}
		mustAccept(t, v, i.Mint(verify.Claims{}))
		if fetched := n.requests(keysPath); fetched != 2 {
			t.Errorf("the new key was fetched once more: %d times", fetched)
		}
		if described := n.requests(metadataPath); described != 1 {
			t.Errorf("the metadata were fetched %d times", described)
		}
	})
}

func TestHowLongKeysAreKeptIsUpToTheIssuer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		control, age string
		quiet, soon  time.Duration // no fetch before the first, one before the second
	}{
		{"max-age=3600", "", 40 * time.Minute, 45 * time.Minute},
		{"public, Max-Age=3600", "3000", 400 * time.Second, 450 * time.Second},
		{"max-age=1", "", 20 * time.Second, 23 * time.Second},
		{"max-age=99999999", "", 16 * time.Hour, 18 * time.Hour},
		{"max-age=soon", "", 200 * time.Second, 225 * time.Second},
		{"no-store", "", 200 * time.Second, 225 * time.Second},
		{"", "", 200 * time.Second, 225 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.control+" "+test.age, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != keysPath {
						return false
					}
					i.ServeHTTP(headers{w, map[string]string{"Cache-Control": test.control, "Age": test.age}}, r)
					return true
				})
				n.verifier(t, verify.WithoutFeed())
				pass(test.quiet)
				if fetched := n.requests(keysPath); fetched != 1 {
					t.Errorf("fetched %d times in %s", fetched, test.quiet)
				}
				pass(test.soon - test.quiet)
				if fetched := n.requests(keysPath); fetched != 2 {
					t.Errorf("fetched %d times in %s", fetched, test.soon)
				}
			})
		})
	}
}

// headers replaces headers as they are written.
type headers struct {
	http.ResponseWriter
	set map[string]string
}

func (h headers) Write(text []byte) (int, error) {
	for name, value := range h.set {
		h.Header().Set(name, value)
	}
	return h.ResponseWriter.Write(text)
}

func TestANewKeyIsFetchedOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed())
		pass(time.Minute)
		i.RotateKey()
		token := i.Mint(verify.Claims{})
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if fetched := n.requests(keysPath); fetched != 2 {
			t.Errorf("fetched %d times, want once more", fetched)
		}
	})
}

func TestAFetchThatIsUnderWayIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		n.breakWith(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == keysPath {
				time.Sleep(2 * time.Second)
			}
			return false
		})
		v := n.verifier(t, verify.WithoutFeed(), verify.WithStartWait(time.Second))
		mustAccept(t, v, i.Mint(verify.Claims{}))
		if fetched := n.requests(keysPath); fetched != 1 {
			t.Errorf("fetched %d times", fetched)
		}
	})
}

func TestKeysThatMoveAreFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed())
		i.RotateKey()
		n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case metadataPath:
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, issuer+"/moved")
				return true
			case keysPath:
				http.NotFound(w, r)
				return true
			case "/moved":
				r.URL.Path = keysPath
			}
			return false
		})
		pass(226*time.Second + time.Second) // the old place is tried once more
		mustAccept(t, v, i.Mint(verify.Claims{}))
	})
}

func TestAFloodOfKeyIDsDoesNotReachTheIssuer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed())
		s := signers()[verify.ES256]
		for second := range 60 {
			for k := range 20 {
				s.key.ID = fmt.Sprintf("flood-%d-%d", second, k)
				if _, err := v.Verify(t.Context(), s.token(t, claims(nil))); !errors.Is(err, verify.ErrUnknownKey) {
					t.Fatal(err)
				}
			}
			mustAccept(t, v, i.Mint(verify.Claims{}))
			pass(time.Second)
		}
		if fetched := n.requests(keysPath); fetched > 1+60/5 {
			t.Errorf("1200 unknown key ids in a minute made %d fetches", fetched)
		}
		i.RotateKey()
		pass(5 * time.Second)
		mustAccept(t, v, i.Mint(verify.Claims{})) // the flood is over
	})
}

func TestWhoWaitsForAKeyMayGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed())
		n.breakWith(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
		i.RotateKey()
		token := i.Mint(verify.Claims{})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.Verify(ctx, token); !errors.Is(err, verify.ErrKeysUnavailable) || time.Since(start) != time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrKeysUnavailable) || time.Since(start) != 5*time.Second {
			t.Errorf("who does not give up, after %s: %v", time.Since(start), err)
		}
	})
}

func TestAKeyThatWasWithdrawnTakesItsTokensAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithMaxTTL(time.Hour), verify.WithoutFeed())
		token := i.Mint(verify.Claims{Expiry: time.Now().Add(time.Hour)})
		mustAccept(t, v, token)
		i.RotateKey()
		i.WithdrawKeys()
		pass(226 * time.Second)
		mustRefuse(t, v, token, verify.ErrUnknownKey)
	})
}

func TestNewRefusesAnIssuerThatContradictsTheConfiguration(t *testing.T) {
	t.Parallel()
	describe := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != metadataPath && r.URL.Path != openIDPath {
				return false
			}
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	keys := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != keysPath {
				return false
			}
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	status := func(path string, status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				w.WriteHeader(status)
			}
			return r.URL.Path == path
		}
	}
	tests := map[string]struct {
		fault func(http.ResponseWriter, *http.Request) bool
		says  string
	}{
		"another issuer":              {describe(`{"issuer":"https://auth.example.com/","jwks_uri":"https://auth.example.com/k"}`), "of the issuer"},
		"no keys":                     {describe(`{"issuer":"https://auth.example.com"}`), "no jwks_uri"},
		"keys over plain http":        {describe(`{"issuer":"https://auth.example.com","jwks_uri":"http://auth.example.com/k"}`), "plain http"},
		"keys in a file":              {describe(`{"issuer":"https://auth.example.com","jwks_uri":"file:///etc/passwd"}`), "not the URL of a host"},
		"a feed over plain http":      {describe(`{"issuer":"https://auth.example.com","jwks_uri":"https://auth.example.com/k","watchword_revocations_uri":"http://a/"}`), "plain http"},
		"two issuers":                 {describe(`{"issuer":"https://auth.example.com","Issuer":"https://evil.example.com","jwks_uri":"https://auth.example.com/k"}`), "strict JSON"},
		"a web page":                  {describe(`<!doctype html>`), "strict JSON"},
		"a web page instead of keys":  {keys(`<!doctype html>`), "not a JWK Set"},
		"an empty key set":            {keys(`{"keys":[]}`), "no key"},
		"only keys that are not ours": {keys(`{"keys":[{"kty":"OKP","crv":"X25519","x":"AA","kid":"x"}]}`), "not an Ed25519 key"},
		"a secret for everybody":      {keys(`{"keys":[{"kty":"oct","alg":"HS256","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`), "a secret"},
		"no permission":               {status(metadataPath, 403), "answered 403"},
		"no key set":                  {status(keysPath, 404), "answered 404"},
		"not an authorization server": {func(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true }, "answered 404"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, _ := world(t)
				n.breakWith(test.fault)
				start := time.Now()
				_, err := n.newVerifier(t)
				if !errors.Is(err, verify.ErrKeysUnavailable) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v, want one that says %q", err, test.says)
				}
				if waited := time.Since(start); waited != 0 {
					t.Errorf("New waited %s for what cannot come", waited)
				}
			})
		})
	}
}

func TestAKeySetThatGoesBadDoesNotReplaceTheGoodOne(t *testing.T) {
	t.Parallel()
	huge := `{"keys":[` + strings.Repeat(`{"kty":"unknown"},`, 10<<20/18) + `{}]}`
	tests := map[string]struct {
		fault func(http.ResponseWriter, *http.Request) bool
		says  string
	}{
		"10 MB":                      {func(w http.ResponseWriter, r *http.Request) bool { _, _ = w.Write([]byte(huge)); return true }, "longer than"},
		"empty":                      {func(w http.ResponseWriter, r *http.Request) bool { _, _ = w.Write([]byte(`{"keys":[]}`)); return true }, "no key"},
		"redirected to another host": {redirect("https://evil.example.com" + keysPath), "another host"},
		"redirected to plain http":   {redirect("http://auth.example.com" + keysPath), "another host"},
		"redirected in circles":      {redirect(keysPath), "too often"},
		"cut":                        {cut, "cut"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				v := n.verifier(t, verify.WithoutFeed())
				n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
					return r.URL.Path == keysPath && test.fault(w, r)
				})
				pass(10 * time.Minute)
				if err := v.Status().KeysError; err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("the failure is %v, want %q", err, test.says)
				}
				mustAccept(t, v, i.Mint(verify.Claims{}))
			})
		})
	}
}

func TestAWeakKeyIsPassedOverAndSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != keysPath {
				return false
			}
			own := httptest.NewRecorder()
			i.ServeHTTP(own, r)
			lost := strings.Replace(good, `"good"`, `"lost","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`, 1)
			_, _ = w.Write([]byte(strings.Replace(own.Body.String(), `[`, `[`+lost+`,`, 1)))
			return true
		})
		said := &log{}
		v := n.verifier(t, verify.WithoutFeed(), verify.WithLogger(said.logger()))
		mustAccept(t, v, i.Mint(verify.Claims{}))
		pass(time.Hour)
		if v.Status().Keys != 1 || said.count("it is lost, replace it") != 1 {
			t.Errorf("%d keys; the log: %s", v.Status().Keys, said)
		}
	})
}

func redirect(to string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, to, http.StatusFound)
		return true
	}
}

func TestARedirectWithinTheIssuerIsFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == metadataPath {
				return redirect(openIDPath)(w, r)
			}
			return false
		})
		mustAccept(t, n.verifier(t), i.Mint(verify.Claims{}))
	})
}

func TestTheMetadataAreFoundWhereTheStandardsPutThem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ issuer, path string }{
		"RFC 8414":                 {"https://auth.example.com", metadataPath},
		"RFC 8414 with a path":     {"https://auth.example.com/eu", metadataPath + "/eu"},
		"RFC 8414 with a slash":    {"https://auth.example.com/eu/", metadataPath + "/eu"},
		"OpenID Connect":           {"https://auth.example.com", openIDPath},
		"OpenID Connect with path": {"https://auth.example.com/eu", "/eu" + openIDPath},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := verifytest.NewIssuer(test.issuer)
				n := &network{issuer: i}
				n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
					r.URL.Path = strings.TrimPrefix(r.URL.Path, "/eu")
					switch {
					case n.last() == test.path:
						r.URL.Path = metadataPath
						return false
					case strings.Contains(n.last(), ".well-known/o"):
						http.NotFound(w, r)
						return true
					}
					r.URL.Path = keysPath
					return false
				})
				v, err := verify.New(t.Context(), test.issuer, verifytest.Audience, verify.WithoutFeed(), verify.WithHTTPClient(&http.Client{Transport: n}))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = v.Close() })
				mustAccept(t, v, i.Mint(verify.Claims{}))
			})
		})
	}
}

// last is the path of the newest request.
func (n *network) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[len(n.seen)-1]
}

func TestNewRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	good := signers()[verify.ES256].key
	renamed := signers()[verify.Ed25519].key
	renamed.ID = good.ID
	unfit := good
	unfit.Algorithm = verify.RS256
	short := signers()[verify.HS256].key
	short.Secret = short.Secret[1:]
	with := func(keys ...verify.Key) verify.Option { return verify.WithKeys(verify.StaticKeys(keys...)) }
	feed := func(f verify.Feed) verify.Option { return verify.WithFeed(f) }
	tests := map[string]struct {
		issuer, audience string
		options          []verify.Option
		says             string
	}{
		"no issuer":             {"", audience, []verify.Option{with(good)}, "must be given"},
		"no audience":           {issuer, "", []verify.Option{with(good)}, "must be given"},
		"plain http":            {"http://auth.example.com", audience, nil, "plain http"},
		"a name for a URL":      {"auth.example.com", audience, nil, "not the URL"},
		"a password in the URL": {"https://me:secret@auth.example.com", audience, nil, "not the URL"},
		"two keys of one id":    {issuer, audience, []verify.Option{with(good, renamed)}, "two keys"},
		"an unfit key":          {issuer, audience, []verify.Option{with(unfit)}, "does not fit RS256"},
		"a short secret":        {issuer, audience, []verify.Option{with(short)}, "32 bytes"},
		"secrets beside keys":   {issuer, audience, []verify.Option{with(good, signers()[verify.HS256].key)}, "in one set"},
		"no lifetime":           {issuer, audience, []verify.Option{with(good), verify.WithMaxTTL(0)}, "must be positive"},
		"a long leeway":         {issuer, audience, []verify.Option{with(good), verify.WithLeeway(time.Hour)}, "choose 0 to 1m0s"},
		"no clock":              {issuer, audience, []verify.Option{with(good), verify.WithNow(nil)}, "nil"},
		"a hasty feed":          {issuer, audience, []verify.Option{with(good), feed(verify.Feed{MaxAge: time.Second})}, "MaxAge"},
		"a negative wait":       {issuer, audience, []verify.Option{with(good), feed(verify.Feed{StartWait: -1})}, "StartWait"},
		"an unknown policy":     {issuer, audience, []verify.Option{with(good), feed(verify.Feed{WhenStale: 9})}, "no policy 9"},
		"nothing to introspect": {issuer, audience, []verify.Option{with(good), feed(verify.Feed{WhenStale: verify.Introspect})}, "go together"},
		"a feed and no feed":    {issuer, audience, []verify.Option{with(good), feed(verify.Feed{}), verify.WithoutFeed()}, "exclude each other"},
		"a feed of plain http":  {issuer, audience, []verify.Option{with(good), feed(verify.Feed{URL: "http://a.example/"})}, "plain http"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verify.New(t.Context(), test.issuer, test.audience, test.options...)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
		})
	}
}
