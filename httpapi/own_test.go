package httpapi_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/session"
)

// What a signed-in user does.

func TestMeIsTheUserAsTheyAreNow(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada", "moderator", "user")
	want := map[string]any{
		"id": u.ID.String(), "username": "ada", "email": "ada@example.org", "roles": []any{"moderator", "user"},
		"createdAt": "2026-11-21T08:00:00.000Z", "sessionId": u.session.String(),
	}
	if diff := cmp.Diff(want, u.do("GET", "/api/auth/me", nil).want(200).json()); diff != "" {
		t.Error(diff)
	}
}

func TestSessionsAreListedAndEndedOneByOne(t *testing.T) {
	t.Parallel()
	a := start(t)
	laptop := a.signedIn("ada")
	a.clock.Advance(time.Minute)
	phone := a.begin(laptop.User, session.Cookie)
	stranger := a.signedIn("eve")
	a.clock.Advance(time.Minute)
	laptop.renew(header("User-Agent", "Laptop/1")).want(200)

	got := laptop.do("GET", "/api/auth/sessions", nil).want(200).json()["sessions"].([]any)
	want := []any{
		map[string]any{
			"id": phone.session.String(), "current": false, "delivery": "cookie", "ip": "192.0.2.1", "userAgent": "test",
			"createdAt": "2026-11-21T08:01:00.000Z", "expiresAt": "2026-12-21T08:01:00.000Z", "lastSeen": "2026-11-21",
		},
		map[string]any{
			"id": laptop.session.String(), "current": true, "delivery": "body", "ip": "127.0.0.1", "userAgent": "Laptop/1",
			"createdAt": "2026-11-21T08:00:00.000Z", "expiresAt": "2026-12-21T08:00:00.000Z", "lastSeen": "2026-11-21",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	laptop.do("DELETE", "/api/auth/sessions/"+stranger.session.String(), nil).problem(404, "session_not_found")
	stranger.do("GET", "/api/auth/me", nil).want(200)
	laptop.do("DELETE", "/api/auth/sessions/nonsense", nil).problem(404, "session_not_found")
	laptop.do("DELETE", "/api/auth/sessions/"+phone.session.String(), nil).want(204)
	laptop.do("DELETE", "/api/auth/sessions/"+phone.session.String(), nil).want(204)
	phone.do("GET", "/api/auth/me", nil).problem(401, "revoked_token")
	laptop.do("GET", "/api/auth/me", nil).want(200)

	laptop.do("DELETE", "/api/auth/sessions/"+laptop.session.String(), nil).want(204)
	got1 := laptop.renew().problem(403, "session_ended")
	if got1.text("reason") != "signed_out" {
		t.Errorf("reason %q", got1.text("reason"))
	}
}

func TestASignOutEndsThisSessionTheOthersOrAll(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		scope                string
		here, there, message string
	}{
		"this":    {"", "signed_out", "", "You've been signed out!"},
		"by name": {"?scope=this", "signed_out", "", "You've been signed out!"},
		"others":  {"?scope=others", "", "ended_by_user", "Your other sessions have ended."},
		"all":     {"?scope=all", "signed_out", "signed_out", "All your sessions have ended."},
	} {
		for by, sign := range map[string]func(*user) reply{
			"access token":  func(u *user) reply { return u.do("POST", "/api/auth/signout"+row.scope, body{}) },
			"refresh token": func(u *user) reply { return u.app.post("/api/auth/signout"+row.scope, body{"refreshToken": u.refresh}) },
			"cookie": func(u *user) reply {
				return u.app.post("/logout"+row.scope, nil, cookie(devCookie, u.refresh), fromOwnPage)
			},
		} {
			t.Run(name+" by "+by, func(t *testing.T) {
				t.Parallel()
				a := start(t)
				stranger := a.signedIn("eve")
				ada := a.signedIn("ada")
				delivery := session.Body
				if by == "cookie" {
					delivery = session.Cookie
				}
				here, there := a.begin(ada.User, delivery), a.begin(ada.User, session.Body)
				sign(here).want(200).says(row.message)
				for u, want := range map[*user]string{here: row.here, there: row.there, ada: row.there, stranger: ""} {
					s, err := a.store.Sessions.Find(t.Context(), u.session)
					if err != nil {
						t.Fatal(err)
					}
					if got := string(s.Tombstone.Reason); got != want {
						t.Errorf("ended %q, want %q", got, want)
					}
				}
			})
		}
	}
}

func TestASignOutThatEndedNothingSaysSo(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	a.post("/api/auth/signout?scope=everything", body{}, header("Authorization", u.access)).problem(400, "parameter_invalid")
	a.post("/api/auth/signout", body{}).problem(401, "no_token")
	a.post("/api/auth/signout", body{"refreshToken": "garbage"}).problem(403, "refresh_token_unknown")
	a.clock.Advance(time.Hour)
	u.do("POST", "/api/auth/signout", body{}).problem(401, "expired_token")
	u.renew().want(200)
}

func TestASignOutThatTakesTheCookieEndsItsSession(t *testing.T) {
	t.Parallel()
	a := start(t, demo)
	u := a.signedIn("ada")
	for name, sent := range map[string][]option{
		"with an access token":                    {header("Authorization", u.access)},
		"with nothing, as one of the seeds' does": nil,
	} {
		held := a.begin(u.User, session.Cookie)
		out := a.post("/api/auth/signout", body{}, append(sent, cookie(devCookie, held.refresh), fromOwnPage)...).want(200)
		if c := out.cookie(devCookie); c == nil || c.MaxAge >= 0 {
			t.Errorf("%s: the cookie stays", name)
		}
		a.post("/refresh", nil, cookie(devCookie, held.refresh), fromOwnPage).problem(403, "session_ended")
	}
	other := a.begin(u.User, session.Cookie)
	own := a.begin(u.User, session.Body)
	a.post("/api/auth/signout?scope=others", body{}, header("Authorization", own.access), cookie(devCookie, "garbage"), fromOwnPage).want(200)
	a.post("/refresh", nil, cookie(devCookie, other.refresh), fromOwnPage).problem(403, "session_ended")
	out := a.post("/api/auth/signout", body{}, header("Authorization", own.access), cookie(devCookie, "garbage"), fromOwnPage).want(200)
	if c := out.cookie(devCookie); c == nil || c.MaxAge >= 0 {
		t.Error("garbage stays")
	}
}

// Of two sessions the second cannot be ended: who tries again can end both.
func TestASignOutThatFailedHalfwayCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	var sessions *brokenSessions
	a := start(t, breaking(&sessions))
	u := a.signedIn("ada")
	held := a.begin(u.User, session.Cookie)
	out := func() reply {
		return a.post("/api/auth/signout", body{}, header("Authorization", u.access), cookie(devCookie, held.refresh), fromOwnPage)
	}
	sessions.fail(context.DeadlineExceeded)
	out().problem(503, "unavailable")
	sessions.failAfter(1, context.DeadlineExceeded)
	out().problem(503, "unavailable")
	sessions.fail(nil)
	out().want(200)
	a.post("/refresh", nil, cookie(devCookie, held.refresh), fromOwnPage).problem(403, "session_ended")
	u.renew().problem(403, "session_ended")
}

// An old refresh token may end its session, but no other.
func TestAnOldRefreshTokenEndsItsOwnSessionAlone(t *testing.T) {
	t.Parallel()
	a := start(t)
	u := a.signedIn("ada")
	other := a.begin(u.User, session.Body)
	old := u.refresh
	for range 3 {
		a.clock.Advance(time.Minute)
		u.renew().want(200)
	}
	a.post("/api/auth/signout?scope=all", body{"refreshToken": old}).problem(409, "refresh_straggler")
	other.do("GET", "/api/auth/me", nil).want(200)
	u.do("GET", "/api/auth/me", nil).want(200)
	a.post("/api/auth/signout", body{"refreshToken": old}).want(200)
	u.renew().problem(403, "session_ended")
	other.renew().want(200)
}

func TestAChangeOfPasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	signIn := func(p string) reply { return a.post("/api/auth/signin", body{"username": "ada", "password": p}) }
	here, there := signIn(password).want(200), signIn(password).want(200)
	change := func(current, next string) reply {
		return a.do("PUT", "/api/auth/password", body{"currentPassword": current, "newPassword": next}, header("Authorization", "Bearer "+here.text("accessToken")))
	}
	const next = "another horse entirely"
	change("not the password", next).problem(403, "password_wrong")
	if got := change(password, "short").problem(400, "field_invalid"); got.text("field") != "newPassword" {
		t.Errorf("field %q", got.text("field"))
	}
	change(password, password).problem(400, "field_invalid")
	change(password, next).want(200)

	change(next, "a third horse of these").problem(401, "stale_token")
	if got := a.post("/api/auth/refreshtoken", body{"refreshToken": there.text("refreshToken")}).problem(403, "session_ended"); got.text("reason") != "password_changed" {
		t.Errorf("reason %q", got.text("reason"))
	}
	fresh := a.post("/api/auth/refreshtoken", body{"refreshToken": here.text("refreshToken")}).want(200)
	a.get("/api/auth/me", header("Authorization", fresh.text("accessToken"))).want(200)
	signIn(password).problem(401, "credentials_wrong")
	signIn(next).want(200)
}

func TestGuessingIsThrottled(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	for range 10 {
		a.post("/api/auth/signin", body{"username": "ada", "password": "a guess"}).problem(401, "credentials_wrong")
	}
	for _, path := range []string{"/api/auth/signin", "/login"} {
		got := a.post(path, body{"username": "ada", "password": "a guess"}).problem(429, "throttled")
		if got.header.Get("Retry-After") == "" {
			t.Errorf("%s: when to come back is not said", path)
		}
	}
	a.clock.Advance(time.Minute)
	a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
}
