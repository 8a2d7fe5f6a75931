package watchword_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// scrape is what a server's metrics say.
func scrape(t *testing.T, s *watchword.Server) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Metrics("v1.2.3").ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if got := w.Header().Get("Content-Type"); w.Code != 200 || got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("the metrics were answered with %d and %q", w.Code, got)
	}
	return w.Body.String()
}

var (
	exposedType = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	documented  = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram) \\|")
)

func TestTheDocumentedMetricsAreThoseThatExist(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what the system tells of a process is known on Linux alone")
	}
	page, err := os.ReadFile(filepath.Join("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var promised, exist []string
	for _, found := range documented.FindAllStringSubmatch(string(page), -1) {
		promised = append(promised, found[1]+" "+found[2])
	}
	for _, found := range exposedType.FindAllStringSubmatch(scrape(t, open(t, watchword.Config{})), -1) {
		exist = append(exist, found[1]+" "+found[2])
	}
	if len(exist) < 20 {
		t.Fatalf("there are %d metrics only: %v", len(exist), exist)
	}
	for _, metric := range exist {
		if !slices.Contains(promised, metric) {
			t.Errorf("docs/operations.md does not tell of %s", metric)
		}
	}
	for _, metric := range promised {
		if !slices.Contains(exist, metric) {
			t.Errorf("docs/operations.md tells of %s, which does not exist", metric)
		}
	}
}

// ask sends a request to the handler itself.
func ask(t *testing.T, s http.Handler, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "203.0.113.77:4711"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "a-very-special-browser")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	answer := map[string]any{}
	_ = json.Unmarshal(w.Body.Bytes(), &answer) // not every answer is JSON
	return w.Code, answer
}

func TestMetricsCountWhatHappensAndTellNobodysSecret(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "watchword.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	policy := session.DefaultPolicy()
	policy.MinAge, policy.RetryWindow = 0, 0
	s := open(t, watchword.Config{Store: db.Set(), MasterSecrets: []string{newSecret(t)}, Policy: policy})

	const password, wrong = "correct horse battery", "an entirely wrong one"
	ask(t, s, "POST", "/api/auth/signup", "", `{"username":"adalovelace","email":"ada@example.org","password":"`+password+`"}`)
	_, in := ask(t, s, "POST", "/api/auth/signin", "", `{"username":"adalovelace","password":"`+password+`"}`)
	ask(t, s, "POST", "/api/auth/signin", "", `{"username":"adalovelace","password":"`+wrong+`"}`)
	old := in["refreshToken"].(string)
	_, renewed := ask(t, s, "POST", "/api/auth/refreshtoken", "", `{"refreshToken":"`+old+`"}`)
	ask(t, s, "GET", "/api/auth/me", renewed["accessToken"].(string), "")
	ask(t, s, "GET", "/some/"+old, "", "")
	ask(t, s, "GET", "/api/auth/sessions/"+old, "", "")
	ask(t, s, "BREW"+old, "/api/auth/me", "", "")
	if status, _ := ask(t, s, "POST", "/api/auth/refreshtoken", "", `{"refreshToken":"`+old+`"}`); status != 403 {
		t.Fatalf("a stolen token was answered with %d", status)
	}

	text := scrape(t, s)
	for _, want := range []string{
		`watchword_sign_ins_total{outcome="success"} 1`,
		`watchword_sign_ins_total{outcome="credentials"} 1`,
		`watchword_refreshes_total{verdict="rotate"} 1`,
		`watchword_refreshes_total{verdict="reuse"} 1`,
		`watchword_sessions_begun_total 1`,
		`watchword_sessions_ended_total{reason="reuse_detected"} 1`,
		`watchword_revocations{of="sessions"} 1`,
		`watchword_store_duration_seconds_count{store="sessions",verb="step"} 2`,
		`watchword_store_batch_size_count{store="sessions",verb="step"} 2`,
		`watchword_store_batch_size_count{store="sessions",verb="advance"} 1`,
		`watchword_hashes_total 3`,
		`watchword_http_requests_total{route="/api/auth/refreshtoken",status="2xx"} 1`,
		`watchword_http_requests_total{route="/api/auth/refreshtoken",status="4xx"} 1`,
		`watchword_http_request_duration_seconds_count{route="/api/auth/me"} 2`,
		`watchword_signing_keys{state="current"} 1`,
		`watchword_build_info{version="v1.2.3",go="` + runtime.Version() + `"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for what, secret := range map[string]string{
		"a password": password, "a wrong password": wrong, "a name": "adalovelace", "an email address": "ada@example.org",
		"an address": "203.0.113.77", "a user agent": "special-browser", "a user's id": in["id"].(string),
		"a refresh token": strings.TrimPrefix(old, "wwr_"), "the next one": strings.TrimPrefix(renewed["refreshToken"].(string), "wwr_"),
		"an access token": in["accessToken"].(string), "a method": "BREW",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics tell %s", what)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestTheHistoryGrowsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := watchword.New(t.Context(), watchword.Config{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		root, err := s.Accounts().Create(t.Context(), account.NewUser{Username: "root", Password: "correct horse battery", Roles: []string{account.RoleAdmin}}, account.Actor{By: account.ByCLI})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second) // one point of the time before there was a session
		in := begin(t, s, root)
		if err := refresh(t, s, in); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		status, statistics := ask(t, s, "GET", "/api/admin/statistics", in.AccessToken, "")
		points := statistics["points"].([]any)
		if status != 200 || len(points) != 3 {
			t.Fatalf("after 35 seconds: %d, %v", status, statistics)
		}
		for i, want := range []struct{ keep, active float64 }{{0, 0}, {1, 0}, {0, 1}} {
			p := points[i].(map[string]any)
			if got := p["refreshes"].(map[string]any)["keep"]; got != want.keep {
				t.Errorf("point %d tells of %v tokens that were kept, want %v", i, got, want.keep)
			}
			if got := p["activeSessions"]; i != 1 && got != want.active { // at point 1 it depends on what was first
				t.Errorf("point %d tells of %v sessions, want %v", i, got, want.active)
			}
		}
	})
}
