package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

// box is an issuer that the examples can talk to.
var box = verifytest.New(&exampleT{})

// exampleT stands in for a test: examples end with the process.
type exampleT struct{ testing.TB }

func (*exampleT) Helper()        {}
func (*exampleT) Cleanup(func()) {}

// get asks a handler with an access token and returns the status.
func get(handler http.Handler, path, accessToken string) int {
	r := httptest.NewRequest("GET", path, nil)
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

// An API needs one verifier, and Require around what is not public.
func Example() {
	v, err := verify.New(context.Background(), box.URL, "https://api.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()

	mux := http.NewServeMux()
	mux.Handle("GET /orders", v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "the orders of %s", claims.Subject)
	})))
	mux.Handle("DELETE /orders", v.RequireRole("admin")(http.NotFoundHandler()))

	fmt.Println(get(mux, "/orders", box.Mint(verify.Claims{})), get(mux, "/orders", ""))
	// Output: 200 401
}

func ExampleNew() {
	// The issuer and the audience are what the access tokens say: iss and aud.
	v, err := verify.New(context.Background(), box.URL, "https://api.example.com",
		verify.WithLeeway(10*time.Second),
		verify.WithFeed(verify.Feed{WhenStale: verify.Reject}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	fmt.Println(v.Status().Keys, "key; following:", v.Status().Following)
	// Output: 1 key; following: true
}

func ExampleVerifier_Verify() {
	v, _ := verify.New(context.Background(), box.URL, "https://api.example.com")
	defer v.Close()
	claims, err := v.Verify(context.Background(), box.Mint(verify.Claims{Roles: []string{"editor"}}))
	fmt.Println(claims.Username, claims.Has("editor"), claims.Has("admin"), err)

	_, err = v.Verify(context.Background(), box.MintExpired(verify.Claims{}))
	fmt.Println(errors.Is(err, verify.ErrExpired))
	// Output:
	// ada true false <nil>
	// true
}

func ExampleVerifier_Require() {
	v, _ := verify.New(context.Background(), box.URL, "https://api.example.com")
	defer v.Close()
	whoami := v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprint(w, claims.Username)
	}))
	fmt.Println(get(whoami, "/", box.Mint(verify.Claims{})), get(whoami, "/", "forged"))
	// Output: 200 401
}

func ExampleVerifier_RequireRole() {
	v, _ := verify.New(context.Background(), box.URL, "https://api.example.com")
	defer v.Close()
	staff := v.RequireRole("admin", "support") // one of them will do
	desk := staff(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	fmt.Println(get(desk, "/", box.Mint(verify.Claims{Roles: []string{"support"}})), get(desk, "/", box.Mint(verify.Claims{})))
	// Output: 200 403
}

func ExampleVerifier_VerifyRequest() {
	v, _ := verify.New(context.Background(), box.URL, "https://api.example.com")
	defer v.Close()
	// A page that greets whom it knows, and serves strangers, too.
	home := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch claims, err := v.VerifyRequest(r); {
		case err == nil:
			fmt.Println("hello", claims.Username)
		case errors.Is(err, verify.ErrNoToken):
			fmt.Println("hello stranger")
		default:
			verify.Explain(err).Write(w)
		}
	})
	get(home, "/", box.Mint(verify.Claims{}))
	get(home, "/", "")
	fmt.Println(get(home, "/", box.MintExpired(verify.Claims{})))
	// Output:
	// hello ada
	// hello stranger
	// 401
}

func ExampleVerifier_Ready() {
	v, _ := verify.New(context.Background(), box.URL, "https://api.example.com")
	defer v.Close()
	readyz := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := v.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	fmt.Println(get(readyz, "/readyz", ""))
	// Output: 200
}

func ExampleWithKeys() {
	// Where the issuer shares a secret (HS256), nothing is fetched.
	secret := []byte("0123456789abcdef0123456789abcdef")
	v, err := verify.New(context.Background(), "https://auth.example.com", "https://api.example.com",
		verify.WithKeys(verify.StaticKeys(verify.Key{ID: "shared", Algorithm: verify.HS256, Secret: secret})))
	fmt.Println(v.Ready(), err)
	// Output: <nil> <nil>
}

func ExampleParseKeys() {
	keys, err := verify.ParseKeys([]byte(`{"keys":[{
		"kty":"OKP","crv":"Ed25519","kid":"2026-11","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(keys[0].ID, keys[0].Algorithm)
	// Output: 2026-11 Ed25519
}

func ExampleKey_Verify() {
	keys, _ := verify.ParseKeys([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	payload, err := keys[0].Verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
	fmt.Printf("%s %v\n", payload, err) // RFC 8037 appendix A.4
	// Output: Example of Ed25519 signing <nil>
}

func ExampleFeed() {
	// While there are no news of revocations, ask the issuer about each token.
	introspect := func(ctx context.Context, accessToken string) (bool, error) {
		return false, errors.New("POST it to /oauth/introspect here")
	}
	v, err := verify.New(context.Background(), box.URL, "https://api.example.com",
		verify.WithFeed(verify.Feed{
			WhenStale:  verify.Introspect,
			Introspect: introspect,
			Notify:     func(s verify.Status) { fmt.Println("alarm:", s.Stale) },
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	fmt.Println("stale:", v.Status().Stale)
	// Output: stale: false
}

func ExampleExplain() {
	p := verify.Explain(verify.ErrStale)
	fmt.Println(p.Status, p.Code)
	fmt.Println(p.Challenge)
	// Output:
	// 401 stale_token
	// Bearer realm="watchword", error="invalid_token", error_description="The user has changed since the access token was issued. Refresh it."
}

func ExampleNewContext() {
	// In the test of a handler, claims need no token.
	handler := func(ctx context.Context) string {
		claims, ok := verify.FromContext(ctx)
		if !ok {
			return "nobody"
		}
		return claims.Subject
	}
	fmt.Println(handler(verify.NewContext(context.Background(), &verify.Claims{Subject: "ada"})))
	fmt.Println(handler(context.Background()))
	// Output:
	// ada
	// nobody
}

func ExampleWithTokenSource() {
	// Clients of an old API send the token in a header of its own.
	old := verify.WithTokenSource(func(r *http.Request) (string, error) {
		if accessToken := r.Header.Get("X-Access-Token"); accessToken != "" {
			return accessToken, nil
		}
		return verify.BearerToken(r)
	})
	v, _ := verify.New(context.Background(), box.URL, "https://api.example.com", old)
	defer v.Close()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Access-Token", box.Mint(verify.Claims{}))
	claims, err := v.VerifyRequest(r)
	fmt.Println(claims.Username, err)
	// Output: ada <nil>
}

func ExampleSnapshot() {
	// What an issuer signs, with the typ verify.FeedType. The entries are digests.
	s := verify.Snapshot{
		Issuer: "https://auth.example.com", AsOf: time.UnixMilli(1795262400123), Incarnation: "1",
		Window: 10 * time.Minute, Sessions: []string{"5f0c"}, Users: map[string]uint64{"ada": 4},
	}
	fmt.Printf("%s\n%s\n", s.Payload(), s.Heartbeat())
	// Output:
	// {"iss":"https://auth.example.com","iat":1795262400,"as_of":1795262400123,"incarnation":"1","window":600,"set":"12e8050f4784f71745efa7ccc82d833a","full":true,"sessions":["HNxygMC7X_uaxYRA"],"users":{"z68XQZcqSDIivvh-":4}}
	// {"iss":"https://auth.example.com","iat":1795262400,"as_of":1795262400123,"incarnation":"1","window":600,"set":"12e8050f4784f71745efa7ccc82d833a"}
}
