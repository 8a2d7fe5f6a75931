package httpapi_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// The refresh rule, as a client of the HTTP API sees it. The rule itself is tested
// in package session.

func TestAYoungTokenIsKept(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	first := u.refresh
	a.clock.Advance(29 * time.Second)
	got := u.renew().want(200)
	if u.refresh != first || got.json()["renewed"] != false {
		t.Error("a token 29 seconds old was replaced")
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("tokens may be cached")
	}
}

func TestARefreshGivesNewTokens(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada", "user", "moderator")
	first := u.refresh
	a.clock.Advance(time.Minute)
	got := u.renew().want(200)
	if u.refresh == first || got.json()["renewed"] != true {
		t.Error("the refresh token stays")
	}
	want := map[string]any{
		"username": "ada", "email": "ada@example.org", "tokenType": "Bearer", "expiresIn": 600.0,
		"serverTime": "2026-11-21T08:01:00.000Z", "sessionId": u.session.String(), "id": u.ID.String(),
	}
	for field, value := range want {
		if got.json()[field] != value {
			t.Errorf("%s: got %v, want %v", field, got.json()[field], value)
		}
	}
	u.do("GET", "/api/auth/me", nil).want(200)
}

func TestARetryWithTheSameKeyGetsTheSameTokenHoweverLate(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	first := u.refresh
	a.clock.Advance(time.Minute)
	key := header("Idempotency-Key", "kept by the client alone")
	lost := a.post("/api/auth/refreshtoken", body{"refreshToken": first}, key).want(200)
	a.clock.Advance(5 * time.Hour)
	again := a.post("/api/auth/refreshtoken", body{"refreshToken": first}, key).want(200)
	if lost.text("refreshToken") != again.text("refreshToken") {
		t.Error("another token")
	}
	a.get("/api/auth/me", header("Authorization", again.text("accessToken"))).want(200)
}

func TestAThiefWithTheOldTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	stolen := u.refresh
	a.clock.Advance(time.Minute)
	u.renew(header("Idempotency-Key", "the owner's")).want(200)

	early := a.post("/api/auth/refreshtoken", body{"refreshToken": stolen}, header("Idempotency-Key", "the thief's")).problem(409, "refresh_straggler")
	if early.text("session") != "alive" {
		t.Errorf("session %q", early.text("session"))
	}
	u.do("GET", "/api/auth/me", nil).want(200)

	a.clock.Advance(time.Minute)
	got := a.post("/api/auth/refreshtoken", body{"refreshToken": stolen}, header("Idempotency-Key", "the thief's")).problem(403, "session_ended")
	if got.text("session") != "ended" || got.text("reason") != "reuse_detected" {
		t.Errorf("got %s", got.body)
	}
	u.do("GET", "/api/auth/me", nil).problem(401, "revoked_token")
	u.renew().problem(403, "session_ended")
}

func TestATokenFromAFutureTheStoreDoesNotKnow(t *testing.T) {
	t.Parallel()
	a := start(t)
	ada := a.signedIn("ada")
	before, err := a.store.Sessions.Find(t.Context(), ada.session)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a.clock.Advance(time.Minute)
		ada.renew().want(200)
	}
	// An old backup is restored: the same session, three rotations ago.
	restored := start(t)
	restored.clock.Advance(3 * time.Minute)
	if err := restored.store.Users.Add(t.Context(), ada.User); err != nil {
		t.Fatal(err)
	}
	if err := restored.store.Sessions.Begin(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	got := restored.post("/api/auth/refreshtoken", body{"refreshToken": ada.refresh}).problem(503, "refresh_ahead")
	if got.text("session") != "alive" || got.header.Get("Retry-After") == "" {
		t.Errorf("got %s", got.body)
	}
}

func TestAnIdempotencyKeyIsBounded(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	got := u.renew(header("Idempotency-Key", strings.Repeat("k", 256))).problem(400, "idempotency_key_invalid")
	if got.text("session") != "alive" {
		t.Errorf("session %q", got.text("session"))
	}
	u.renew(header("Idempotency-Key", "a"), header("Idempotency-Key", "b")).problem(400, "idempotency_key_invalid")
	u.renew(header("Idempotency-Key", strings.Repeat("k", 255))).want(200)
}

func TestARefreshThatCannotBeReadLeavesTheSessionAlive(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, got := range []reply{
		a.post("/api/auth/refreshtoken", nil, raw("application/json", "{")).problem(400, "body_invalid"),
		a.post("/api/auth/refreshtoken", body{"refreshToken": 5}).problem(400, "field_invalid"),
		a.post("/api/auth/refreshtoken", nil, raw("text/plain", "wwr_")).problem(415, "unsupported_media_type"),
		a.post("/api/auth/refreshtoken", nil, raw("application/json", strings.Repeat(" ", 70_000))).problem(413, "body_too_large"),
	} {
		if got.text("session") != "alive" {
			t.Errorf("%d: session %q", got.status, got.text("session"))
		}
	}
}

// An access token never outlives its session.
func TestTheLastAccessTokenIsShort(t *testing.T) {
	t.Parallel()
	a := start(t, policy(func(p *session.Policy) { p.IdleTTL, p.TTL = time.Hour, time.Hour }))
	u := a.signedIn("ada")
	a.clock.Advance(58 * time.Minute)
	if got := u.renew().want(200).json()["expiresIn"]; got != 120.0 {
		t.Errorf("expires in %v seconds", got)
	}
}

// Roles are read again at every refresh, and the sign-in of old does not carry them on.
func TestARefreshBringsTheRolesOfNow(t *testing.T) {
	t.Parallel()
	a := start(t)
	u, admin := a.signedIn("ada"), a.signedIn("root", "admin")
	admin.do("PUT", "/api/admin/users/"+u.ID.String()+"/roles", body{"roles": []string{"user", "admin"}}).want(200)
	u.do("GET", "/api/admin/statistics", nil).problem(401, "stale_token")
	u.renew().want(200)
	u.do("GET", "/api/admin/statistics", nil).want(200)
	admin.do("PUT", "/api/admin/users/"+u.ID.String()+"/roles", body{"roles": []string{"user"}}).want(200)
	u.do("GET", "/api/admin/statistics", nil).problem(401, "stale_token")
	u.renew().want(200)
	u.do("GET", "/api/admin/statistics", nil).problem(403, "missing_role")
}

// Every old text of a token is one that this server does not know.
func TestATokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	for _, spelling := range []string{
		u.refresh + "=", u.refresh + "\n", " " + u.refresh, strings.ToUpper(u.refresh), u.refresh[:20] + "\r\n" + u.refresh[20:],
		"wwr_" + base64.StdEncoding.EncodeToString([]byte(u.refresh)),
	} {
		a.post("/api/auth/refreshtoken", body{"refreshToken": spelling}).problem(403, "refresh_token_unknown")
	}
	u.renew().want(200)
}

func TestABlockEndsARefresh(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	if _, err := a.Accounts().Block(t.Context(), u.ID, "", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	if got := u.renew().problem(403, "session_ended"); got.text("reason") != "user_blocked" {
		t.Errorf("reason %q", got.text("reason"))
	}
	u.do("GET", "/api/auth/me", nil).want(401)
}
