package httpapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// adminRoutes is every route of the administrators, with an id that fits.
func adminRoutes(u *user) map[string]string {
	users, sessions := "/api/admin/users/"+u.ID.String(), "/api/admin/sessions/"+u.session.String()
	return map[string]string{
		"GET /api/admin/users": "", "POST /api/admin/users": "", "GET " + users: "", "PUT " + users + "/roles": "",
		"PUT " + users + "/password": "", "POST " + users + "/block": "", "POST " + users + "/unblock": "",
		"GET " + users + "/sessions": "", "DELETE " + users + "/sessions": "",
		"GET /api/admin/sessions": "", "GET " + sessions: "", "DELETE " + sessions: "",
		"GET /api/admin/audit": "", "GET /api/admin/keys": "", "GET /api/admin/statistics": "",
		"POST " + users + "/reset": "", "GET /api/admin/roles": "", "GET /api/admin/audit/export?format=csv": "",
		"POST /api/admin/keys/rotate": "",
	}
}

func TestAdministratorsRoutesAreForAdministratorsAlone(t *testing.T) {
	t.Parallel()
	a := start(t)
	ada := a.signedIn("ada", "user", "moderator")
	a.signedIn("root", "admin")
	deposed := a.signedIn("deposed", "admin")
	if _, err := a.Accounts().SetRoles(t.Context(), deposed.ID, []string{"user"}, account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	for route := range adminRoutes(ada) {
		var method, path string
		fmt.Sscan(route, &method, &path)
		a.do(method, path, nil).problem(401, "no_token")
		ada.do(method, path, nil).problem(403, "missing_role").says("Require Admin Role!")
		deposed.do(method, path, nil).problem(401, "stale_token")
	}
	u, err := a.Accounts().Find(t.Context(), ada.ID)
	if err != nil || u.Blocked() {
		t.Error(u, err)
	}
	ada.renew().want(200)
}

func TestAnAdministratorManagesAUser(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	made := root.do("POST", "/api/admin/users", body{"username": "ada", "email": "ada@example.org", "password": password, "roles": []string{"moderator"}}).want(201)
	path := "/api/admin/users/" + made.text("id")
	if got := made.header.Get("Location"); got != path {
		t.Errorf("Location %q", got)
	}
	want := map[string]any{
		"id": made.text("id"), "username": "ada", "email": "ada@example.org", "roles": []any{"moderator"},
		"blocked": false, "epoch": 1.0, "createdAt": "2026-11-21T08:00:00.000Z",
	}
	if diff := cmp.Diff(want, root.do("GET", path, nil).want(200).json()); diff != "" {
		t.Error(diff)
	}
	root.do("POST", "/api/admin/users", body{"username": "ada", "email": "a@example.org", "password": password}).problem(400, "username_taken")
	root.do("POST", "/api/admin/users", body{"username": "nomail", "password": password}).want(201)
	root.do("POST", "/api/admin/users", body{"username": "bob", "email": "b@example.org", "password": password, "roles": []string{"wizard"}}).problem(400, "role_unknown")

	in := func(p string) reply { return a.post("/api/auth/signin", body{"username": "ada", "password": p}) }
	refreshed := func(r reply) reply {
		return a.post("/api/auth/refreshtoken", body{"refreshToken": r.text("refreshToken")})
	}
	here := in(password).want(200)

	root.do("PUT", path+"/roles", body{"roles": []string{"user", "admin", "user"}}).want(200)
	if diff := cmp.Diff([]any{"admin", "user"}, root.do("GET", path, nil).json()["roles"]); diff != "" {
		t.Error(diff)
	}
	root.do("PUT", path+"/roles", body{"roles": []string{"wizard"}}).problem(400, "role_unknown")
	root.do("PUT", path+"/roles", body{}).problem(400, "field_invalid")
	refreshed(here).want(200)

	const next = "another horse entirely"
	root.do("PUT", path+"/password", body{"password": "short"}).problem(400, "field_invalid")
	root.do("PUT", path+"/password", body{"password": next}).want(200)
	refreshed(here).problem(403, "session_ended")
	in(password).problem(401, "credentials_wrong")
	here = in(next).want(200)

	a.clock.Advance(time.Minute)
	blocked := root.do("POST", path+"/block", body{"reason": "spam"}).want(200).json()
	if diff := cmp.Diff(map[string]any{"at": "2026-11-21T08:01:00.000Z", "reason": "spam", "by": root.ID.String()}, blocked["block"]); diff != "" {
		t.Error(diff)
	}
	if got := refreshed(here).problem(403, "session_ended"); got.text("reason") != "user_blocked" {
		t.Errorf("reason %q", got.text("reason"))
	}
	in(next).problem(403, "user_blocked")
	root.do("POST", path+"/unblock", nil).want(200)
	refreshed(here).problem(403, "session_ended")
	in(next).want(200)

	root.do("POST", path+"/block", nil).want(200)
}

func TestAnAdministratorCannotLockThemselvesOut(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	path := "/api/admin/users/" + root.ID.String()
	root.do("POST", path+"/block", body{}).problem(403, "not_on_yourself")
	root.do("PUT", path+"/roles", body{"roles": []string{"user"}}).problem(403, "not_on_yourself")
	root.do("GET", path, nil).want(200)
}

func TestAUserThatIsNotThere(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	for _, id := range []string{"nobody", "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"} {
		path := "/api/admin/users/" + id
		root.do("GET", path, nil).problem(404, "user_not_found")
		root.do("PUT", path+"/roles", body{"roles": []string{"user"}}).problem(404, "user_not_found")
		root.do("PUT", path+"/password", body{"password": password}).problem(404, "user_not_found")
		root.do("POST", path+"/block", body{}).problem(404, "user_not_found")
		root.do("POST", path+"/unblock", nil).problem(404, "user_not_found")
		root.do("GET", path+"/sessions", nil).problem(404, "user_not_found")
		root.do("DELETE", path+"/sessions", nil).problem(404, "user_not_found")
	}
	for _, id := range []string{"nothing", "00112233445566778899aabbccddeeff"} {
		root.do("GET", "/api/admin/sessions/"+id, nil).problem(404, "session_not_found")
		root.do("DELETE", "/api/admin/sessions/"+id, nil).problem(404, "session_not_found")
	}
}

// pages walks through a list and returns one field of its entries.
func (u *user) pages(path, list, field string) []string {
	u.app.t.Helper()
	var all []string
	next := ""
	for {
		page := u.do("GET", path+next, nil).want(200).json()
		entries := page[list].([]any)
		for _, entry := range entries {
			all = append(all, entry.(map[string]any)[field].(string))
		}
		before, ok := page["next"].(string)
		if !ok {
			return all
		}
		next = "&before=" + before
	}
}

func TestUsersAreListedPageByPage(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	for i := range 5 {
		a.clock.Advance(time.Second)
		a.signedIn(fmt.Sprintf("ada%d", i))
	}
	a.clock.Advance(time.Second)
	eve := a.signedIn("eve", "moderator")
	root.do("POST", "/api/admin/users/"+eve.ID.String()+"/block", nil).want(200)
	for path, want := range map[string][]string{
		"limit=2":                    {"eve", "ada4", "ada3", "ada2", "ada1", "ada0", "root"},
		"limit=1000":                 {"eve", "ada4", "ada3", "ada2", "ada1", "ada0", "root"},
		"limit=2&search=ADA":         {"ada4", "ada3", "ada2", "ada1", "ada0"},
		"limit=2&search=ada3@exa":    {"ada3"},
		"limit=2&role=moderator":     {"eve"},
		"limit=1&blocked=true":       {"eve"},
		"limit=3&blocked=false":      {"ada4", "ada3", "ada2", "ada1", "ada0", "root"},
		"limit=3&search=nobody":      nil,
		"limit=1&role=user&search=a": {"ada4", "ada3", "ada2", "ada1", "ada0"},
	} {
		if diff := cmp.Diff(want, root.pages("/api/admin/users?"+path, "users", "username")); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestAParameterThatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	for path, field := range map[string]string{
		"users?limit=0": "limit", "users?limit=1001": "limit", "users?limit=x": "limit", "users?blocked=yes": "blocked",
		"users?before=x": "before", "users?limit=1&limit=2": "limit", "users?serch=ada": "",
		"sessions?user=x": "user", "sessions?alive=1": "alive", "sessions?before=yesterday": "before",
		"audit?session=x": "session", "audit?since=now": "since", "audit?%zz": "",
	} {
		got := root.do("GET", "/api/admin/"+path, nil).problem(400, "parameter_invalid")
		if got.optional("field") != field {
			t.Errorf("%s: field %q", path, got.optional("field"))
		}
	}
}

func TestSessionsAreListedExplainedAndEnded(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	a.clock.Advance(time.Second)
	ada := a.signedIn("ada")
	a.clock.Advance(time.Second)
	phone := a.begin(ada.User, session.Cookie)
	user := "user=" + ada.ID.String()
	both := []string{phone.session.String(), ada.session.String()}
	if diff := cmp.Diff(append(both, root.session.String()), root.pages("/api/admin/sessions?limit=1", "sessions", "id")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(both, root.pages("/api/admin/sessions?limit=1&"+user, "sessions", "id")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(both, root.pages("/api/admin/users/"+ada.ID.String()+"/sessions?limit=1", "sessions", "id")); diff != "" {
		t.Error(diff)
	}

	stolen := ada.refresh
	a.clock.Advance(time.Minute)
	ada.renew(header("Idempotency-Key", "a")).want(200)
	a.clock.Advance(time.Minute)
	a.post("/api/auth/refreshtoken", body{"refreshToken": stolen}).problem(403, "session_ended")
	story := root.do("GET", "/api/admin/sessions/"+ada.session.String(), nil).want(200).json()
	record := story["session"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"reason": "reuse_detected", "at": "2026-11-21T08:02:02.000Z", "by": "system"}, record["ended"]); diff != "" {
		t.Error(diff)
	}
	if record["generation"] != 2.0 || record["delivery"] != "body" || record["userId"] != ada.ID.String() {
		t.Errorf("got %v", record)
	}
	var told []string
	for _, event := range story["events"].([]any) {
		told = append(told, event.(map[string]any)["type"].(string))
	}
	if diff := cmp.Diff([]string{"session.begun", "session.reused", "session.ended"}, told); diff != "" {
		t.Error(diff)
	}

	alive := []string{phone.session.String()}
	if diff := cmp.Diff(alive, root.pages("/api/admin/sessions?limit=9&alive=true&"+user, "sessions", "id")); diff != "" {
		t.Error(diff)
	}
	root.do("DELETE", "/api/admin/sessions/"+phone.session.String(), nil).want(204)
	phone.do("GET", "/api/auth/me", nil).problem(401, "revoked_token")

	more := a.begin(ada.User, session.Body)
	if got := root.do("DELETE", "/api/admin/users/"+ada.ID.String()+"/sessions", nil).want(200).json()["ended"]; got != 1.0 {
		t.Errorf("ended %v", got)
	}
	if got := more.renew().problem(403, "session_ended"); got.text("reason") != "ended_by_admin" {
		t.Errorf("reason %q", got.text("reason"))
	}
}

func TestTheAuditTrailTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	a.signUp("ada")
	in := a.post("/api/auth/signin", body{"username": "ada", "password": password}, header("User-Agent", "Browser/1")).want(200)
	a.post("/api/auth/signin", body{"username": "ada", "password": "wrong"}).want(401)
	a.clock.Advance(time.Second)
	root.do("POST", "/api/admin/users/"+in.text("id")+"/block", body{"reason": "spam"}).want(200)

	trail := "/api/admin/audit?limit=2&user=" + in.text("id")
	want := []string{"session.ended", "user.blocked", "user.sign_in_failed", "session.begun", "user.signed_up"}
	got := root.pages(trail, "events", "type")
	if diff := cmp.Diff(map[string]int{"session.ended": 1, "user.blocked": 1, "user.sign_in_failed": 1, "session.begun": 1, "user.signed_up": 1}, count(got)); diff != "" {
		t.Errorf("%v, want %v: %s", got, want, diff)
	}
	block := root.do("GET", "/api/admin/audit?type=user.blocked", nil).want(200).json()["events"].([]any)[0].(map[string]any)
	if block["actor"] != root.ID.String() || block["ip"] != "127.0.0.1" || block["detail"].(map[string]any)["reason"] != "spam" {
		t.Errorf("got %v", block)
	}
	begun := root.do("GET", "/api/admin/audit?session="+in.text("sessionId")+"&type=session.begun", nil).want(200).json()["events"].([]any)
	if len(begun) != 1 || begun[0].(map[string]any)["userAgent"] != "Browser/1" {
		t.Errorf("got %v", begun)
	}
	if late := root.pages("/api/admin/audit?since=2026-11-21T08:00:01Z", "events", "type"); len(late) != 2 {
		t.Errorf("since: %v", late)
	}
}

func count(names []string) map[string]int {
	counts := map[string]int{}
	for _, name := range names {
		counts[name]++
	}
	return counts
}

func TestKeysAreListed(t *testing.T) {
	t.Parallel()
	a := start(t)
	root := a.signedIn("root", "admin")
	keys := root.do("GET", "/api/admin/keys", nil).want(200).json()["keys"].([]any)
	if len(keys) != 1 || keys[0].(map[string]any)["state"] != "current" || keys[0].(map[string]any)["algorithm"] != "ES256" {
		t.Errorf("got %v", keys)
	}
}

func TestClosedSignUpLeavesAdministratorsTheDoor(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *watchword.Config) { c.SignupClosed = true; c.Roles = []string{"editor"} })
	root := a.signedIn("root", "admin")
	ada := body{"username": "ada", "email": "ada@example.org", "password": password}
	a.post("/api/auth/signup", ada).problem(403, "signup_closed")
	ada["roles"] = []string{"editor"}
	root.do("POST", "/api/admin/users", ada).want(201)
	a.post("/api/auth/signin", body{"username": "ada", "password": password}).want(200)
}

// A proxy in front tells where a request came from; a stranger cannot.
func TestTheTrailHoldsTheClientsAddress(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		trusted bool
		want    string
	}{"behind a trusted proxy": {true, "198.51.100.7"}, "from a stranger": {false, "127.0.0.1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, func(c *watchword.Config) {
				if row.trusted {
					c.TrustedProxies = loopback
				}
			})
			root := a.signedIn("root", "admin")
			a.post("/api/auth/signup", body{"username": "ada", "email": "ada@example.org", "password": password}, header("X-Forwarded-For", "203.0.113.9, 198.51.100.7")).want(200)
			event := root.do("GET", "/api/admin/audit?type=user.signed_up", nil).want(200).json()["events"].([]any)[0].(map[string]any)
			if event["ip"] != row.want {
				t.Errorf("got %v, want %s", event["ip"], row.want)
			}
			id := a.get("/healthz", header("X-Request-Id", "given.by-the_proxy")).header.Get("X-Request-Id")
			if (id == "given.by-the_proxy") != row.trusted {
				t.Errorf("request id %q", id)
			}
		})
	}
}
