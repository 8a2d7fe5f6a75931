package session_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/verify"
)

// plainMinter writes claims in clear, for tests to read.
type plainMinter struct{}

func (plainMinter) Mint(claims verify.Claims) (string, error) {
	text, err := json.Marshal(claims)
	return string(text), err
}

// house is a service on a memory store under a clock that the test turns.
type house struct {
	*session.Service
	t      *testing.T
	store  store.Set
	ada    account.User
	mu     sync.Mutex
	time   time.Time
	ended  []session.Revocation
	log    bytes.Buffer
	config session.Config
}

func newHouse(t *testing.T, change func(*session.Config)) *house {
	t.Helper()
	h := &house{t: t, store: memory.New(), time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	keys, err := session.NewTokenKeys(session.TokenKey{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	h.config = session.Config{
		Store: h.store.Sessions, Users: h.store.Users, Events: h.store.Events, Minter: plainMinter{}, Tokens: keys,
		Policy: session.DefaultPolicy(), Issuer: "https://id.example", Audience: "api",
		Now:      h.now,
		Logger:   slog.New(slog.NewTextHandler(&h.log, nil)),
		Announce: func(r session.Revocation) { h.ended = append(h.ended, r) },
	}
	if change != nil {
		change(&h.config)
	}
	if h.Service, err = session.New(h.config); err != nil {
		t.Fatal(err)
	}
	h.ada = account.User{
		ID: uuid.New(h.time, rand.Reader), Username: "Ada", UsernameKey: "ada", Email: "ada@example.org", EmailKey: "ada@example.org",
		Roles: []string{"user"}, Epoch: 1, CreatedAt: h.time,
	}
	if err := h.store.Users.Add(t.Context(), h.ada); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

var phone = session.Origin{IP: "192.0.2.7", UserAgent: "phone"}

func (h *house) begin() session.Grant {
	h.t.Helper()
	grant, err := h.Begin(h.t.Context(), h.ada, "watchword", session.Body, phone)
	if err != nil {
		h.t.Fatal(err)
	}
	return grant
}

func (h *house) refresh(token, key string) (session.Grant, error) {
	h.t.Helper()
	requestKey, err := session.NewRequestKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.Refresh(h.t.Context(), session.Presented{Token: token, ClientID: "watchword", Delivery: session.Body, Key: requestKey, From: phone})
}

func (h *house) mustRefresh(token, key string) session.Grant {
	h.t.Helper()
	grant, err := h.refresh(token, key)
	if err != nil {
		h.t.Fatalf("refresh: %v", err)
	}
	return grant
}

func (h *house) events(id session.ID) []audit.Type {
	h.t.Helper()
	story, err := h.Explain(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	var types []audit.Type
	for _, e := range story.Events {
		types = append(types, e.Type)
	}
	return types
}

func wantRefusal(t *testing.T, err, want error, reason session.Reason) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("refresh = %v, want %v", err, want)
	}
	if refusal, ok := errors.AsType[*session.Refusal](err); !ok || refusal.Reason != reason {
		t.Errorf("the reason is %v, want %q", err, reason)
	}
}

func TestSignInGivesTokensOfTheUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	grant := h.begin()
	var claims verify.Claims
	if err := json.Unmarshal([]byte(grant.AccessToken), &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Subject != h.ada.ID.String() || claims.SessionID != grant.Session.ID.String() || claims.Epoch != 1 ||
		claims.Username != "Ada" || !slices.Equal(claims.Roles, []string{"user"}) || !slices.Equal(claims.Audience, []string{"api"}) ||
		!claims.AuthTime.Equal(h.time) || claims.Expiry.Sub(claims.IssuedAt) != 10*time.Minute {
		t.Errorf("claims: %+v", claims)
	}
	if !strings.HasPrefix(grant.RefreshToken, session.TokenPrefix) || !grant.Renewed {
		t.Errorf("refresh token: %q, renewed %v", grant.RefreshToken, grant.Renewed)
	}
}

func TestRefreshReplacesTheToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()

	h.wait(10 * time.Second)
	kept := h.mustRefresh(first.RefreshToken, "")
	if kept.RefreshToken != first.RefreshToken || kept.Renewed {
		t.Error("a token handed out ten seconds ago was replaced")
	}
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "")
	if second.RefreshToken == first.RefreshToken || !second.Renewed || second.Session.Generation != 2 {
		t.Errorf("not replaced: generation %d", second.Session.Generation)
	}
	h.wait(time.Second)
	again := h.mustRefresh(first.RefreshToken, "")
	if again.RefreshToken != second.RefreshToken {
		t.Error("a repeated request got another successor")
	}
	h.wait(time.Minute)
	if third := h.mustRefresh(second.RefreshToken, ""); third.Session.Generation != 3 {
		t.Errorf("generation %d, want 3", third.Session.Generation)
	}
}

func TestARetryWithItsKeyIsNeverTooLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "key one")
	h.wait(6 * 24 * time.Hour)
	if again := h.mustRefresh(first.RefreshToken, "key one"); again.RefreshToken != second.RefreshToken {
		t.Error("the retry got another token")
	}
}

func TestReuseEndsTheSessionForBoth(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "owner")
	h.wait(time.Minute)

	_, err := h.refresh(first.RefreshToken, "thief")
	wantRefusal(t, err, session.ErrEnded, session.ReuseDetected)
	_, err = h.refresh(second.RefreshToken, "owner again")
	wantRefusal(t, err, session.ErrEnded, session.ReuseDetected)

	if want := []audit.Type{audit.SessionBegun, audit.SessionReused, audit.SessionEnded}; !slices.Equal(h.events(first.Session.ID), want) {
		t.Errorf("events: %v, want %v", h.events(first.Session.ID), want)
	}
	if len(h.ended) != 1 || h.ended[0].Session != first.Session.ID {
		t.Errorf("announced: %v", h.ended)
	}
}

func TestReuseIsRevokedThoughTheClientHangsUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "owner")
	h.wait(time.Minute)

	hungUp, hangUp := context.WithCancel(t.Context())
	h.config.Users = &impatientUsers{Users: h.store.Users, afterFind: hangUp}
	service, err := session.New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = service.Refresh(hungUp, session.Presented{Token: first.RefreshToken, ClientID: "watchword", Delivery: session.Body})
	if !errors.Is(err, session.ErrEnded) {
		t.Errorf("refresh = %v, want ErrEnded", err)
	}
	_, err = h.refresh(second.RefreshToken, "")
	wantRefusal(t, err, session.ErrEnded, session.ReuseDetected)
}

// impatientUsers has the client hang up after session and user were read.
type impatientUsers struct {
	session.Users
	afterFind func()
}

func (u *impatientUsers) Find(ctx context.Context, id account.ID) (account.User, error) {
	defer u.afterFind()
	return u.Users.Find(ctx, id)
}

func TestAStragglerGetsNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "one tab")
	h.wait(time.Second)
	_, err := h.refresh(first.RefreshToken, "another tab")
	wantRefusal(t, err, session.ErrStraggler, "")
	h.wait(time.Minute)
	h.mustRefresh(second.RefreshToken, "one tab")
}

func TestOfManyAtOnceThereIsOneSuccessor(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "shared"} {
		h := newHouse(t, nil)
		first := h.begin()
		h.wait(time.Minute)
		var (
			mu     sync.Mutex
			tokens = map[string]int{}
			wg     sync.WaitGroup
		)
		for range 50 {
			wg.Go(func() {
				grant, err := h.refresh(first.RefreshToken, key)
				if err != nil {
					t.Errorf("key %q: %v", key, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				tokens[grant.RefreshToken]++
			})
		}
		wg.Wait()
		if len(tokens) != 1 || tokens[first.RefreshToken] != 0 {
			t.Errorf("key %q: %d different successors", key, len(tokens))
		}
	}
}

func TestTheStoreLostARotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	lossy := &lossyStore{Store: h.store.Sessions}
	h.config.Store = lossy
	service, err := session.New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	second, err := service.Refresh(t.Context(), session.Presented{Token: first.RefreshToken, ClientID: "watchword", Delivery: session.Body})
	if err != nil {
		t.Fatal(err)
	}
	h.wait(time.Minute)
	healed := h.mustRefresh(second.RefreshToken, "")
	if healed.Session.Generation != 2 || healed.RefreshToken != second.RefreshToken {
		t.Errorf("generation %d, want the second again", healed.Session.Generation)
	}
	h.wait(time.Minute)
	if third := h.mustRefresh(second.RefreshToken, ""); third.Session.Generation != 3 {
		t.Errorf("generation %d, want 3", third.Session.Generation)
	}
	if !slices.Contains(h.events(first.Session.ID), audit.SessionHealed) {
		t.Error("the healing was not recorded")
	}
}

// lossyStore acknowledges advances and forgets them, as a machine that loses power.
type lossyStore struct{ session.Store }

func (*lossyStore) Advance(context.Context, session.ID, uint64, session.Register) (bool, error) {
	return true, nil
}

func TestTheBlockedRefreshNoMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	if _, err := h.store.Users.SetBlock(t.Context(), h.ada.ID, account.Block{At: h.time, By: "cli"}); err != nil {
		t.Fatal(err)
	}
	h.wait(time.Minute)
	_, err := h.refresh(first.RefreshToken, "")
	wantRefusal(t, err, session.ErrEnded, session.UserBlocked)
}

// A sign-in that races with a block or a change of password leaves no session behind.
func TestASessionBornDuringABlockDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if _, err := h.store.Users.SetBlock(t.Context(), h.ada.ID, account.Block{At: h.time, By: "cli"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Begin(t.Context(), h.ada, "watchword", session.Body, phone); !errors.Is(err, session.ErrUserChanged) {
		t.Errorf("Begin = %v, want ErrUserChanged", err)
	}
	live, err := h.ByUser(t.Context(), h.ada.ID)
	if err != nil || len(live) != 0 {
		t.Errorf("%d sessions live, %v", len(live), err)
	}
}

func TestRolesAreThoseOfTheMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	if _, err := h.store.Users.SetRoles(t.Context(), h.ada.ID, []string{"admin", "user"}, h.time); err != nil {
		t.Fatal(err)
	}
	h.wait(time.Minute)
	grant := h.mustRefresh(first.RefreshToken, "")
	if !strings.Contains(grant.AccessToken, `"admin"`) || !strings.Contains(grant.AccessToken, `"Epoch":2`) {
		t.Errorf("claims: %s", grant.AccessToken)
	}
}

func TestSessionsEndByThemselves(t *testing.T) {
	t.Parallel()
	t.Run("idle for seven days", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, nil)
		first := h.begin()
		h.wait(7 * 24 * time.Hour)
		_, err := h.refresh(first.RefreshToken, "")
		wantRefusal(t, err, session.ErrEnded, session.Idle)
	})
	t.Run("after thirty days, however busy", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, nil)
		token := h.begin().RefreshToken
		for range 29 {
			h.wait(24 * time.Hour)
			token = h.mustRefresh(token, "").RefreshToken
		}
		h.wait(24*time.Hour - 5*time.Minute)
		last := h.mustRefresh(token, "")
		if got := last.ExpiresAt.Sub(h.time); got != 5*time.Minute {
			t.Errorf("the last access token outlives its session: %v", got)
		}
		h.wait(5 * time.Minute)
		_, err := h.refresh(last.RefreshToken, "")
		wantRefusal(t, err, session.ErrEnded, session.Expired)
	})
}

func TestRotationOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *session.Config) { c.Policy.Rotation = false })
	token := h.begin().RefreshToken
	for day := range 29 {
		h.wait(24 * time.Hour)
		if grant := h.mustRefresh(token, ""); grant.RefreshToken != token {
			t.Fatalf("day %d: the token was replaced", day)
		}
	}
	h.wait(24 * time.Hour)
	_, err := h.refresh(token, "")
	wantRefusal(t, err, session.ErrEnded, session.Expired)
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "")
	h.wait(time.Hour)
	presented := session.Presented{Token: first.RefreshToken, ClientID: "watchword", Delivery: session.Body}
	for range 2 { // an old token will do, and twice is no error
		if err := h.SignOut(t.Context(), presented); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.refresh(second.RefreshToken, "")
	wantRefusal(t, err, session.ErrEnded, session.SignedOut)
	presented.Delivery = session.Cookie
	if err := h.SignOut(t.Context(), presented); !errors.Is(err, session.ErrToken) {
		t.Errorf("a body's token signed out by cookie: %v", err)
	}
}

func TestEndingOthersAndAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	laptop, tablet, car := h.begin(), h.begin(), h.begin()
	n, err := h.EndUser(t.Context(), h.ada.ID, laptop.Session.ID, session.EndedByUser, h.ada.ID.String())
	if err != nil || n != 2 {
		t.Fatalf("EndUser = %d, %v; want 2", n, err)
	}
	h.wait(time.Minute)
	for _, other := range []session.Grant{tablet, car} {
		_, err := h.refresh(other.RefreshToken, "")
		wantRefusal(t, err, session.ErrEnded, session.EndedByUser)
	}
	h.mustRefresh(laptop.RefreshToken, "")
	if n, err := h.EndUser(t.Context(), h.ada.ID, session.ID{}, session.EndedByAdmin, "cli"); err != nil || n != 1 {
		t.Errorf("EndUser = %d, %v; want 1", n, err)
	}
}

func TestOnlyTheOwnerEndsASession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	stranger := uuid.New(h.time, rand.Reader)
	if _, err := h.EndOwn(t.Context(), stranger, first.Session.ID, session.EndedByUser); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("EndOwn = %v, want ErrNotFound", err)
	}
	if did, err := h.EndOwn(t.Context(), h.ada.ID, first.Session.ID, session.EndedByUser); err != nil || !did {
		t.Errorf("EndOwn = %v, %v", did, err)
	}
}

func TestTheQuietestSessionMakesRoom(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *session.Config) { c.Policy.PerUser = 3 })
	var grants []session.Grant
	for range 3 {
		grants = append(grants, h.begin())
		h.wait(time.Minute)
	}
	grants[0] = h.mustRefresh(grants[0].RefreshToken, "") // the oldest, but not the quietest
	h.begin()
	h.wait(time.Minute)
	_, err := h.refresh(grants[1].RefreshToken, "")
	wantRefusal(t, err, session.ErrEnded, session.TooManySessions)
	for _, spared := range []int{0, 2} {
		if _, err := h.refresh(grants[spared].RefreshToken, ""); err != nil {
			t.Errorf("session %d made room, too: %v", spared, err)
		}
	}
}

func TestHolder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	ask := func(token string) (session.Session, error) {
		return h.Holder(t.Context(), session.Presented{Token: token, ClientID: "watchword", Delivery: session.Body})
	}
	h.wait(time.Minute)
	second := h.mustRefresh(first.RefreshToken, "")
	h.wait(time.Minute)
	third := h.mustRefresh(second.RefreshToken, "")
	for _, token := range []string{third.RefreshToken, second.RefreshToken} {
		if got, err := ask(token); err != nil || got.ID != first.Session.ID {
			t.Errorf("Holder = %v, %v", got.ID, err)
		}
	}
	if _, err := ask(first.RefreshToken); !errors.Is(err, session.ErrStraggler) {
		t.Errorf("an old token: %v, want ErrStraggler", err)
	}
	if _, err := h.End(t.Context(), first.Session.ID, session.EndedByAdmin, "cli"); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(third.RefreshToken); !errors.Is(err, session.ErrEnded) {
		t.Errorf("an ended session: %v, want ErrEnded", err)
	}
}

// However wild a client, its story does not grow with its requests.
func TestTheStoryIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first := h.begin()
	h.wait(time.Minute)
	h.mustRefresh(first.RefreshToken, "key")
	for range 100 {
		h.mustRefresh(first.RefreshToken, "key")
	}
	if got := len(h.events(first.Session.ID)); got != 2 {
		t.Errorf("%d events, want the birth and one replay", got)
	}
}

func TestForgetSparesWhatCouldStillBePresented(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	old := h.begin()
	h.wait(30 * 24 * time.Hour)
	recent := h.begin()
	if n, err := h.Forget(t.Context()); err != nil || n != 0 {
		t.Errorf("Forget = %d, %v; a session that expired just now was forgotten", n, err)
	}
	h.wait(25 * time.Hour)
	if n, err := h.Forget(t.Context()); err != nil || n != 1 {
		t.Errorf("Forget = %d, %v; want 1", n, err)
	}
	_, err := h.refresh(old.RefreshToken, "")
	wantRefusal(t, err, session.ErrEnded, session.Unknown)
	h.mustRefresh(recent.RefreshToken, "")
}

func TestPolicyRefusesNonsense(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*session.Policy){
		"an access token that lives for ever": func(p *session.Policy) { p.AccessTTL = 48 * time.Hour },
		"one that never lives":                func(p *session.Policy) { p.AccessTTL = 0 },
		"idle before its token may be replaced": func(p *session.Policy) {
			p.AccessTTL, p.IdleTTL, p.MinAge = time.Second, 30*time.Second, 30*time.Second
		},
		"idle before the token expires": func(p *session.Policy) { p.IdleTTL = time.Minute },
		"dead before idle":              func(p *session.Policy) { p.TTL = time.Hour },
		"negative":                      func(p *session.Policy) { p.MinAge = -1 },
		"no room":                       func(p *session.Policy) { p.PerUser = 0 },
		"an endless retry window":       func(p *session.Policy) { p.RetryWindow = time.Hour },
	} {
		policy := session.DefaultPolicy()
		change(&policy)
		if err := policy.Validate(); !errors.Is(err, session.ErrPolicy) {
			t.Errorf("%s: Validate = %v, want ErrPolicy", name, err)
		}
	}
	if err := session.DefaultPolicy().Validate(); err != nil {
		t.Error(err)
	}
}

func ExampleService_Refresh() {
	stores := memory.New()
	keys, _ := session.NewTokenKeys(session.TokenKey{ID: 1, Secret: []byte("thirty-two bytes of a real secret")})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	service, _ := session.New(session.Config{
		Store: stores.Sessions, Users: stores.Users, Events: stores.Events, Minter: plainMinter{}, Tokens: keys,
		Policy: session.DefaultPolicy(), Issuer: "https://id.example", Audience: "api",
		Now: func() time.Time { return now },
	})
	ctx := context.Background()
	ada := account.User{ID: uuid.New(now, rand.Reader), Username: "ada", UsernameKey: "ada", Email: "a@b.c", EmailKey: "a@b.c", Epoch: 1, CreatedAt: now}
	stores.Users.Add(ctx, ada)

	first, _ := service.Begin(ctx, ada, "app", session.Body, session.Origin{IP: "192.0.2.1"})
	now = now.Add(time.Minute)
	second, err := service.Refresh(ctx, session.Presented{Token: first.RefreshToken, ClientID: "app", Delivery: session.Body})
	fmt.Println(second.Session.Generation, second.Renewed, err)

	now = now.Add(time.Minute)
	_, err = service.Refresh(ctx, session.Presented{Token: first.RefreshToken, ClientID: "app", Delivery: session.Body})
	fmt.Println(errors.Is(err, session.ErrEnded), err)
	// Output:
	// 2 true <nil>
	// true refresh refused: reuse (reuse_detected)
}
