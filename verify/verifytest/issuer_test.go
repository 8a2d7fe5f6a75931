package verifytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

func TestMintFillsInWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	i := verifytest.NewIssuer("https://auth.example.com")
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	i.Now = func() time.Time { return now }
	v := i.Verifier(t)

	got, err := v.Verify(t.Context(), i.Mint(verify.Claims{Roles: []string{"admin"}, Email: "ada@example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	want := &verify.Claims{
		Issuer: i.URL, Subject: verifytest.Subject, Audience: []string{verifytest.Audience}, ClientID: "verifytest",
		IssuedAt: now, Expiry: now.Add(verifytest.TTL), ID: "token-1", SessionID: "00000000000000000000000000000001",
		AuthTime: now, Roles: []string{"admin"}, Epoch: 1, Username: verifytest.Username, Email: "ada@example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	other, err := v.Verify(t.Context(), i.Mint(verify.Claims{Subject: "eve"}))
	if err != nil {
		t.Fatal(err)
	}
	if other.ID == got.ID || other.SessionID == got.SessionID || other.Username != "" {
		t.Errorf("the second token is %+v", other)
	}
}

// refused checks that a verifier refuses a token for this reason.
func refused(t testing.TB, v *verify.Verifier, token string, want error) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func TestWhatIsRevokedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	i := verifytest.NewIssuer("https://auth.example.com")
	v := i.Verifier(t)
	token := i.Mint(verify.Claims{SessionID: "s"})
	refused(t, v, token, nil)
	refused(t, v, i.MintExpired(verify.Claims{}), verify.ErrExpired)

	if epoch := i.RaiseEpoch(verifytest.Subject); epoch != 2 || i.Epoch(verifytest.Subject) != 2 {
		t.Errorf("the epoch is %d", epoch)
	}
	refused(t, v, token, verify.ErrStale)
	token = i.Mint(verify.Claims{SessionID: "s"})
	refused(t, v, token, nil)

	i.Revoke("s")
	refused(t, v, token, verify.ErrRevoked)

	token = i.Mint(verify.Claims{})
	i.RotateKey()
	refused(t, v, token, nil)
	refused(t, v, i.Mint(verify.Claims{}), nil)
	i.WithdrawKeys()
	refused(t, v, token, verify.ErrUnknownKey)
	refused(t, v, i.Mint(verify.Claims{}), nil)
}

func TestOverHTTPARevocationArrivesWithinASecond(t *testing.T) {
	t.Parallel()
	i := verifytest.New(t)
	v, err := verify.New(t.Context(), i.URL, i.Audience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	quickest := time.Hour // a busy machine may be slow now and then
	for n := range 10 {
		token := i.Mint(verify.Claims{SessionID: fmt.Sprint(n)})
		refused(t, v, token, nil)
		began := time.Now()
		i.Revoke(fmt.Sprint(n))
		for err = nil; err == nil && time.Since(began) < 10*time.Second; {
			_, err = v.Verify(t.Context(), token)
		}
		took := time.Since(began)
		if !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("after %s: %v", took, err)
		}
		quickest = min(quickest, took)
	}
	if quickest > time.Second {
		t.Errorf("the quickest revocation arrived after %s", quickest)
	}
}

func TestABrokenIssuerAnswers503(t *testing.T) {
	t.Parallel()
	i := verifytest.New(t)
	status := func() int {
		response, err := http.Get(i.URL + "/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	i.Break()
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("broken: %d", got)
	}
	i.Mend()
	if got := status(); got != http.StatusOK {
		t.Errorf("mended: %d", got)
	}
}

// newAPI is a handler under test.
func newAPI(v *verify.Verifier) http.Handler {
	return v.RequireRole("editor")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "published by %s", claims.Username)
	}))
}

// The tests of an API mint the tokens that they need.
func ExampleNew() {
	test := func(t testing.TB) {
		issuer := verifytest.New(t)
		api := newAPI(issuer.Verifier(t))

		r := httptest.NewRequest("POST", "/articles", nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Mint(verify.Claims{Roles: []string{"editor"}}))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	test(fakeT{})
	// Output: 200 published by ada
}

func ExampleIssuer_Revoke() {
	issuer := verifytest.NewIssuer("https://auth.example.com")
	v := issuer.Verifier(fakeT{})
	token := issuer.Mint(verify.Claims{SessionID: "a session"})

	_, err := v.Verify(context.Background(), token)
	fmt.Println(err)
	issuer.Revoke("a session")
	_, err = v.Verify(context.Background(), token)
	fmt.Println(err)
	// Output:
	// <nil>
	// revoked token
}

// fakeT is the test of an example.
type fakeT struct{ testing.TB }

func (fakeT) Helper()                  {}
func (fakeT) Cleanup(func())           {}
func (fakeT) Context() context.Context { return context.Background() }
