package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
)

func TestDangerousActsNeedAPasswordThatWasGivenLately(t *testing.T) {
	t.Parallel()
	a := start(t, policy(func(p *session.Policy) { p.AccessTTL = time.Hour }))
	root := a.signedIn("root", "admin")
	ada := a.signedIn("ada")
	path := "/api/admin/users/" + ada.ID.String()
	dangerous := map[string]struct {
		path string
		body body
		done int
	}{
		"PUT roles":     {path + "/roles", body{"roles": []string{"user", "moderator"}}, 200},
		"PUT password":  {path + "/password", body{"password": "another horse entirely"}, 200},
		"POST reset":    {path + "/reset", nil, 201},
		"POST unblock":  {path + "/unblock", nil, 200},
		"POST operator": {"/api/admin/users", body{"username": "operator", "password": password, "roles": []string{"user", "admin"}}, 201},
		"POST rotate":   {"/api/admin/keys/rotate", body{"now": true}, 200},
	}
	a.clock.Advance(15*time.Minute + time.Second)
	for name, act := range dangerous {
		method, _, _ := strings.Cut(name, " ")
		got := root.do(method, act.path, act.body).problem(401, "insufficient_user_authentication")
		challenge := got.header.Get("WWW-Authenticate")
		if !strings.HasPrefix(challenge, `Bearer error="insufficient_user_authentication"`) || !strings.Contains(challenge, `max_age="900"`) {
			t.Errorf("%s: challenge %q", name, challenge)
		}
		// What a stranger or a user hears does not depend on when they signed in.
		ada.do(method, act.path, act.body).problem(403, "missing_role")
		a.do(method, act.path, act.body).problem(401, "no_token")
	}
	u, err := a.Accounts().Find(t.Context(), ada.ID)
	if err != nil || u.Epoch != 1 {
		t.Errorf("something was done: %+v (%v)", u, err)
	}

	// A refresh is no password.
	root.renew().want(200)
	root.do("PUT", path+"/roles", dangerous["PUT roles"].body).problem(401, "insufficient_user_authentication")

	// What is urgent, and what gives no power, needs none.
	root.do("POST", "/api/admin/users", body{"username": "plain", "password": password, "roles": []string{"user"}}).want(201)
	root.do("POST", "/api/admin/users", body{"username": "plainer", "password": password}).want(201)
	root.do("POST", "/api/admin/keys/rotate", nil).want(200)
	root.do("POST", path+"/block", body{"reason": "spam"}).want(200)
	root.do("DELETE", path+"/sessions", nil).want(200)

	again := a.begin(root.User, session.Body)
	a.clock.Advance(15 * time.Minute)
	for _, name := range []string{"POST unblock", "PUT roles", "PUT password", "POST reset", "POST operator", "POST rotate"} {
		method, _, _ := strings.Cut(name, " ")
		again.do(method, dangerous[name].path, dangerous[name].body).want(dangerous[name].done)
	}
}

// Confirming the password is a sign-in in the same browser: the cookie is
// replaced, and the session before it ends.
func TestConfirmingThePasswordReplacesTheSession(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.signUp("ada")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := a.visitor(jar)
	first := browser.post("/login", body{"username": "ada", "password": password}, fromOwnPage).want(200)
	second := browser.post("/login", body{"username": "ada", "password": password}, fromOwnPage).want(200)
	a.get("/api/auth/me", header("Authorization", "Bearer "+first.text("accessToken"))).problem(401, "revoked_token")
	a.get("/api/auth/me", header("Authorization", "Bearer "+second.text("accessToken"))).want(200)
	browser.post("/refresh", nil, fromOwnPage).want(200)
	id, err := session.ParseID(first.text("sessionId"))
	if err != nil {
		t.Fatal(err)
	}
	story, err := a.Sessions().Explain(t.Context(), id)
	if err != nil || story.Ended != session.Superseded {
		t.Errorf("ended %q (%v)", story.Ended, err)
	}
}

// An administrator's token is of no use once the role is gone, however new it is.
func TestAnAdministratorsTokenDiesWithTheRole(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	mallory := a.signedIn("mallory", "admin")
	mallory.do("GET", "/api/admin/users", nil).want(200)
	root.do("PUT", "/api/admin/users/"+mallory.ID.String()+"/roles", body{"roles": []string{"user"}}).want(200)
	mallory.do("PUT", "/api/admin/users/"+mallory.ID.String()+"/roles", body{"roles": []string{"admin"}}).problem(401, "stale_token")
	mallory.do("GET", "/api/admin/audit/export?format=json", nil).problem(401, "stale_token")
	mallory.renew().want(200)
	mallory.do("GET", "/api/admin/users", nil).problem(403, "missing_role")
}

func TestTheLastAdministratorRemainsOverHTTP(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	other := a.signedIn("other", "admin")
	path := "/api/admin/users/" + root.ID.String()
	var answers [2]reply
	var both sync.WaitGroup
	both.Go(func() { answers[0] = other.do("PUT", path+"/roles", body{"roles": []string{"user"}}) })
	both.Go(func() { answers[1] = root.do("POST", "/api/admin/users/"+other.ID.String()+"/block", body{}) })
	both.Wait()
	done := 0
	for _, r := range answers {
		switch r.status {
		case 200:
			done++
		case 409:
			r.problem(409, "last_administrator")
		default:
			r.want(401) // the other was faster
		}
	}
	left, err := a.Accounts().List(t.Context(), account.Query{Role: "admin", Blocked: new(false)})
	if err != nil || len(left) == 0 || done > 1 {
		t.Errorf("%d done, %d left (%v)", done, len(left), err)
	}
}

func (r reply) code() string {
	_, code, found := strings.Cut(r.text("link"), "#")
	if !found {
		r.t.Fatal("no code in the link")
	}
	return code
}

func TestAUserChoosesAPasswordWithALink(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	a.signUp("ada")
	in := a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
	made := root.do("POST", "/api/admin/users/"+in.text("id")+"/reset", nil).want(201)
	code := made.code()
	a.seen.add(code)
	if link := made.text("link"); !strings.HasPrefix(link, a.url+"/reset#wwp_") {
		t.Errorf("link %q", link)
	}
	if made.text("expiresAt") != "2026-11-22T08:00:00.000Z" {
		t.Errorf("expires %s", made.text("expiresAt"))
	}
	a.post("/api/auth/reset", body{"code": code, "password": "short"}).problem(400, "field_invalid")
	got := a.post("/api/auth/reset", body{"code": code, "password": "another horse entirely"}).want(200)
	if got.text("username") != "ada" || len(got.cookies) > 0 {
		t.Errorf("got %s, %v", got.body, got.cookies)
	}
	a.post("/api/auth/reset", body{"code": code, "password": "third horse entirely"}).problem(403, "reset_code_invalid")
	a.post("/api/auth/refreshtoken", body{"refreshToken": in.text("refreshToken")}).problem(403, "session_ended")
	a.post("/api/auth/signin", body{"username": "ada", "password": "another horse entirely"}).want(200)
	a.post("/api/auth/signin", body{"username": "ada", "password": password}).problem(401, "credentials_wrong")

	types := root.pages("/api/admin/audit?limit=50&user="+in.text("id"), "events", "type")
	for _, want := range []string{"user.reset_offered", "user.password_changed", "user.reset_failed"} {
		if !slices.Contains(types, want) {
			t.Errorf("no event %s in %v", want, types)
		}
	}
	root.do("POST", "/api/admin/users/"+in.text("id")+"/block", nil).want(200)
	root.do("POST", "/api/admin/users/"+in.text("id")+"/reset", nil).problem(409, "unblock_first")
	root.do("POST", "/api/admin/users/nobody/reset", nil).problem(404, "user_not_found")
	a.post("/api/auth/reset", nil, asForm(map[string][]string{"code": {code}})).problem(415, "unsupported_media_type")
	a.post("/api/auth/reset", body{}).problem(403, "reset_code_invalid")
}

func TestGuessingLinksIsThrottled(t *testing.T) {
	t.Parallel()
	a := start(t)
	for range 100 {
		a.post("/api/auth/reset", body{"code": "wwp_" + strings.Repeat("A", 60), "password": password}).problem(403, "reset_code_invalid")
	}
	a.post("/api/auth/reset", body{"code": "wwp_" + strings.Repeat("A", 60), "password": password}).problem(429, "throttled")
	a.post("/api/auth/setup", body{"code": "wws_" + strings.Repeat("A", 24), "username": "eve", "password": password}).problem(429, "throttled")
}

func TestTheFirstAdministratorIsMadeWithALink(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) { c.SignupClosed = true })
	wanted := body{"username": "root", "email": "root@example.org", "password": password}
	ask := func(code string) reply {
		wanted["code"] = code
		return a.post("/api/auth/setup", wanted)
	}
	ask("").problem(403, "setup_code_invalid")
	code, _, err := a.Accounts().OfferSetup()
	if err != nil {
		t.Fatal(err)
	}
	a.seen.add(code)
	ask(code[:len(code)-1]+"?").problem(403, "setup_code_invalid")

	// Two browsers at once, and several more.
	var all sync.WaitGroup
	outcomes := make([]reply, 6)
	for i := range outcomes {
		all.Go(func() {
			name := fmt.Sprintf("root%d", i)
			outcomes[i] = a.post("/api/auth/setup", body{"code": code, "username": name, "email": name + "@example.org", "password": password})
		})
	}
	all.Wait()
	counts := map[int]int{}
	for _, r := range outcomes {
		counts[r.status]++
	}
	if counts[201] != 1 || counts[403] != 5 {
		t.Errorf("got %v", counts)
	}
	n, _, err := a.Accounts().Count(t.Context())
	if err != nil || n != 1 {
		t.Errorf("%d users (%v)", n, err)
	}
}

func TestKeysAreRotatedOverHTTP(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	states := func(r reply) (all []string) {
		for _, k := range r.json()["keys"].([]any) {
			all = append(all, k.(map[string]any)["state"].(string))
		}
		return all
	}
	before := root.do("GET", "/api/admin/keys", nil).want(200)
	if got := before.text("rotatesAt"); got != "2026-12-21T08:00:00.000Z" {
		t.Errorf("rotates at %s", got)
	}
	soon := root.do("POST", "/api/admin/keys/rotate", body{}).want(200)
	if diff := cmp.Diff([]string{"next", "current"}, states(soon)); diff != "" {
		t.Error(diff)
	}
	next := soon.json()["keys"].([]any)[0].(map[string]any)["activeAt"]
	if soon.text("rotatesAt") != next {
		t.Errorf("rotates at %s, the next signs from %v", soon.text("rotatesAt"), next)
	}
	// Once more changes nothing: one is on its way.
	if diff := cmp.Diff([]string{"next", "current"}, states(root.do("POST", "/api/admin/keys/rotate", nil).want(200))); diff != "" {
		t.Error(diff)
	}
	lost := root.do("POST", "/api/admin/keys/rotate", body{"now": true}).want(200)
	if diff := cmp.Diff([]string{"current", "revoked", "revoked"}, states(lost)); diff != "" {
		t.Error(diff)
	}
	root.do("GET", "/api/admin/keys", nil).problem(401, "invalid_token") // the asker's token, too
	root.renew().want(200)
	rotated := root.do("GET", "/api/admin/audit?type=key.rotated", nil).want(200).json()["events"].([]any)
	reasons := map[string]int{}
	for _, e := range rotated {
		event := e.(map[string]any)
		reasons[event["detail"].(map[string]any)["reason"].(string)]++
		if reason := event["detail"].(map[string]any)["reason"]; reason != "first" && (event["actor"] != root.ID.String() || event["actorName"] != "root") {
			t.Errorf("event %v", event)
		}
	}
	if diff := cmp.Diff(map[string]int{"first": 1, "requested": 1, "emergency": 1}, reasons); diff != "" {
		t.Error(diff)
	}
}

func TestASharedKeyIsNotRotated(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) {
		c.AccessTokenSecret = "b0e1a2f77c5d4a9c8e3f60a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b"
	})
	root := a.signedIn("root", "admin")
	root.do("POST", "/api/admin/keys/rotate", nil).problem(409, "key_shared")
	if _, ok := root.do("GET", "/api/admin/keys", nil).want(200).json()["rotatesAt"]; ok {
		t.Error("a shared key has a date")
	}
}

func TestRolesAreListed(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) { c.Roles = []string{"editor"} })
	root := a.signedIn("root", "admin")
	if diff := cmp.Diff([]any{"admin", "editor", "moderator", "user"}, root.do("GET", "/api/admin/roles", nil).want(200).json()["roles"]); diff != "" {
		t.Error(diff)
	}
}

// write puts events into the trail, a second apart, the first at the beginning.
func (a *app) write(n int, change func(i int, e *audit.Event)) {
	a.t.Helper()
	events := make([]audit.Event, n)
	for i := range events {
		at := a.clock.Now().Add(-time.Hour).Add(time.Duration(i) * time.Second)
		events[i] = audit.Event{ID: uuid.New(at, randomness{}), At: at, Type: "user.sign_in_failed", Actor: "system"}
		change(i, &events[i])
	}
	if err := a.store.Events.Record(a.t.Context(), events...); err != nil {
		a.t.Fatal(err)
	}
}

func TestTheTrailEndsBeforeATime(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	a.write(10, func(i int, e *audit.Event) { e.IP = fmt.Sprint(i) })
	trail := "/api/admin/audit?type=user.sign_in_failed&limit=3"
	for query, want := range map[string][]string{
		"":                                   {"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"},
		"&until=2026-11-21T07:00:04Z":        {"3", "2", "1", "0"},
		"&until=2026-11-21T07:00:04.001Z":    {"4", "3", "2", "1", "0"},
		"&until=2026-11-21T08:00:05%2B01:00": {"4", "3", "2", "1", "0"},
		"&since=2026-11-21T07:00:02Z&until=2026-11-21T07:00:04Z": {"3", "2"},
		"&until=1960-01-01T00:00:00Z":                            nil,
	} {
		if diff := cmp.Diff(want, root.pages(trail+query, "events", "ip")); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	root.do("GET", trail+"&until=soon", nil).problem(400, "parameter_invalid")
}

func TestTheTrailIsExportedWhole(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	ada := a.signedIn("ada")
	const n = 1234 // some batches, and a part of one
	a.write(n, func(i int, e *audit.Event) {
		e.IP = fmt.Sprint(i)
		if i%2 == 0 {
			e.User = ada.ID.String()
		}
	})
	export := func(query string) reply {
		t.Helper()
		a.clock.Advance(time.Second)
		return root.do("GET", "/api/admin/audit/export?"+query, nil).want(200)
	}
	var got struct{ Events []map[string]any }
	all := export("format=json&type=user.sign_in_failed")
	if err := json.Unmarshal([]byte(all.body), &got); err != nil || len(got.Events) != n || got.Events[0]["ip"] != "1233" || got.Events[n-1]["ip"] != "0" {
		t.Errorf("%d events (%v)", len(got.Events), err)
	}
	if got.Events[n-1]["username"] != "ada" {
		t.Errorf("event %v", got.Events[n-1])
	}
	if d := all.header.Get("Content-Disposition"); d != `attachment; filename="watchword-audit-20261121T080001Z.json"` {
		t.Errorf("disposition %q", d)
	}
	table := export("format=csv&type=user.sign_in_failed&user=" + ada.ID.String())
	rows, err := csv.NewReader(strings.NewReader(table.body)).ReadAll()
	if err != nil || len(rows) != n/2+1 || rows[0][0] != "at" || rows[1][2] != "ada" || !strings.HasPrefix(table.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%d rows (%v), %s", len(rows), err, table.header.Get("Content-Type"))
	}
	if rows := strings.Count(export("format=csv&until=1999-01-01T00:00:00Z").body, "\n"); rows != 1 {
		t.Errorf("%d lines of nothing", rows)
	}
	export("format=json&until=1999-01-01T00:00:00Z")

	written := root.do("GET", "/api/admin/audit?type=audit.exported", nil).want(200).json()["events"].([]any)
	if len(written) != 4 {
		t.Fatalf("%d exports written down", len(written))
	}
	second := written[2].(map[string]any)
	if diff := cmp.Diff(map[string]any{"format": "csv", "type": "user.sign_in_failed", "user": ada.ID.String()}, second["detail"]); diff != "" || second["actorName"] != "root" {
		t.Error(second, diff)
	}
	for _, query := range []string{"", "format=xml", "format=csv&limit=3", "format=csv&since=x", "format=csv&type=User.x", "format=csv&type=" + strings.Repeat("a", 65)} {
		root.do("GET", "/api/admin/audit/export?"+query, nil).problem(400, "parameter_invalid")
	}
}

// Strangers choose what is in the cells.
func TestACellOfTheExportIsNoFormula(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	evil := []string{
		`=cmd|' /C calc'!A0`, "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", `=HYPERLINK("https://evil.example","x")`, "\n=2", "|x", "%0A=1", "\ufeff=1",
	}
	// Not at the beginning of a cell, but of one where semicolons or tabs separate them.
	inside := map[string]string{
		"Mozilla/5.0;=1": "Mozilla/5.0;'=1", "x\t=1": "x\t'=1", `x; "=1`: `x;' "=1`, "x;\u00a0@1;-1": "x;'\u00a0@1;'-1",
		"Mozilla/5.0 (X11; Linux) a-b=c": "Mozilla/5.0 (X11; Linux) a-b=c",
	}
	for text := range inside {
		evil = append(evil, text)
	}
	a.write(len(evil), func(i int, e *audit.Event) {
		e.UserAgent, e.IP = evil[i], evil[i]
		e.Detail = map[string]string{evil[i]: evil[i], "a,b": "\"\r\n"}
	})
	text := root.do("GET", "/api/admin/audit/export?format=csv", nil).want(200).body
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, row := range rows {
		for _, cell := range row {
			found[cell] = true
			if cell != "" && strings.ContainsAny(strings.TrimLeft(cell, " \t\r\n")[:1], "=+-@") {
				t.Errorf("a cell begins a formula: %q", cell)
			}
		}
	}
	for _, text := range evil {
		want, ok := inside[text]
		if !ok {
			want = "'" + strings.ReplaceAll(text, "\r", "") // in CSV every line break is one kind
		}
		if !found[want] {
			t.Errorf("%q is not there as a text: %v", text, slices.Sorted(maps.Keys(found)))
		}
	}
}

// A server that cannot go on says so by cutting the connection: nobody takes half
// a trail for the whole.
func TestAnExportThatFailsHalfWayIsCut(t *testing.T) {
	t.Parallel()
	broken := &brokenTrail{}
	a := start(t, func(c *watchword.Config) { broken.Store = c.Store.Events; c.Store.Events = broken })
	root := a.signedIn("root", "admin")
	a.write(700, func(int, *audit.Event) {})
	broken.left.Store(1)
	broken.tired.Store(true)
	r, err := http.NewRequestWithContext(t.Context(), "GET", a.url+"/api/admin/audit/export?format=csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+root.access)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		defer answer.Body.Close()
		_, err = new(bytes.Buffer).ReadFrom(answer.Body)
	}
	if err == nil {
		t.Error("it looks whole")
	}
}
