package httpapi_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatisticsTellWhatHappened(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	a.signUp("ada")
	old := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200).text("refreshToken")
	a.post("/api/auth/signin", body{"username": "ada", "password": "not her password"}).problem(401, "credentials_wrong")
	a.post("/api/auth/signin", body{"username": "nobody", "password": "not a password"}).problem(401, "credentials_wrong")
	a.post("/api/auth/refreshtoken", body{"refreshToken": old}).want(200)
	a.clock.Advance(time.Minute)
	a.post("/api/auth/refreshtoken", body{"refreshToken": old}).want(200)
	a.clock.Advance(time.Minute)
	a.post("/api/auth/refreshtoken", body{"refreshToken": old}).problem(403, "session_ended")

	statistics := root.do("GET", "/api/admin/statistics", nil).want(200).json()
	totals := statistics["totals"].(map[string]any)
	store := totals["storeMillis"].(map[string]any)
	if p50, p99 := store["p50"].(float64), store["p99"].(float64); p50 <= 0 || p99 < p50 {
		t.Errorf("the stores took %v ms at the median and %v ms at the 99th percentile", p50, p99)
	}
	delete(totals, "storeMillis")
	if _, list := statistics["points"].([]any); !list {
		t.Errorf("the points are %v, want a list", statistics["points"])
	}
	delete(statistics, "points") // one for each ten seconds that passed meanwhile
	want := map[string]any{
		"users": 2.0, "blockedUsers": 0.0, "sessions": 1.0,
		"since": "2026-11-21T08:00:00.000Z", "interval": 10.0,
		"totals": map[string]any{
			"signIns": 1.0, "signInFailures": 2.0, "throttled": 0.0, "heals": 0.0, "sessionsEnded": 1.0,
			"refreshes": map[string]any{
				"keep": 1.0, "rotate": 1.0, "replay": 0.0, "straggler": 0.0, "reuse": 1.0, "ended": 0.0, "ahead": 0.0,
			},
		},
	}
	if diff := cmp.Diff(want, statistics); diff != "" {
		t.Error(diff)
	}
}
