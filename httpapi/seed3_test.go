package httpapi_test

import (
	"testing"
	"time"
)

// The third seed: a bare Authorization header, new tokens at every refresh, an
// administrator who ends a user's refresh tokens.

func TestTheThirdSeedsStory(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	in := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
	bare := func(token string) option { return header("Authorization", token) }
	a.get("/api/auth/me", bare(in.text("accessToken"))).want(200)
	a.get("/api/auth/me").problem(401, "no_token")

	a.clock.Advance(time.Minute)
	second := a.post("/api/auth/refreshtoken", body{"refreshToken": in.text("refreshToken")}).want(200)
	if second.text("refreshToken") == in.text("refreshToken") || second.text("accessToken") == in.text("accessToken") {
		t.Error("a refresh gave an old token")
	}
	a.get("/api/auth/me", bare(second.text("accessToken"))).want(200)
	a.get("/api/auth/me", bare(second.text("refreshToken"))).problem(401, "invalid_token")
	a.post("/api/auth/refreshtoken", body{"refreshToken": second.text("accessToken")}).problem(403, "refresh_token_unknown")

	admin := a.signedIn("root", "admin")
	admin.do("POST", "/api/admin/users/"+in.text("id")+"/block", body{"reason": "spam"}).want(200)
	a.get("/api/auth/me", bare(second.text("accessToken"))).want(401)
	a.post("/api/auth/refreshtoken", body{"refreshToken": second.text("refreshToken")}).problem(403, "session_ended")
	a.post("/api/auth/signin", body{"username": "ada", "password": password}).problem(403, "user_blocked")
	a.post("/api/auth/signin", body{"username": "ada", "password": "wrong"}).problem(401, "credentials_wrong")

	admin.do("POST", "/api/admin/users/"+in.text("id")+"/unblock", nil).want(200)
	a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
}

func TestASecondDeviceDoesNotSignTheFirstOut(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	phone := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
	laptop := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
	if phone.text("sessionId") == laptop.text("sessionId") {
		t.Error("one session for two devices")
	}
	for _, device := range []reply{phone, laptop, phone} {
		a.post("/api/auth/refreshtoken", body{"refreshToken": device.text("refreshToken")}).want(200)
	}
}
