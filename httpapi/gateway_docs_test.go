package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oasdiff/yaml"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
)

// The configurations of docs/gateways.md, as they stand there.

// The addresses in the page.
const (
	docsWatchword = "127.0.0.1:8080"
	docsAPI       = "127.0.0.1:3000"
	docsGateway   = "127.0.0.1:8000"
)

// identityHeaders are those by which an API behind a gateway knows users.
var identityHeaders = []string{"X-Watchword-Email", "X-Watchword-Roles", "X-Watchword-Session", "X-Watchword-User", "X-Watchword-Username"}

// documented returns the code of a section of the page.
func documented(t *testing.T, section string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "\n## "+section+"\n")
	if !found {
		t.Fatalf("no section %s", section)
	}
	match := regexp.MustCompile("(?s)```[a-z]+\n(.*?)```").FindStringSubmatch(after)
	if match == nil {
		t.Fatalf("no code in section %s", section)
	}
	return match[1]
}

// program is a gateway that can be run: its binary, and how.
type program struct {
	binary  string
	section string
	// configure writes what the page says into a folder, and returns how to start it.
	// The gateway listens on the socket there; it is no port, so that nobody takes it.
	configure func(t *testing.T, folder, socket, text string) *exec.Cmd
}

var programs = map[string]program{
	"nginx": {"nginx", "nginx", func(t *testing.T, folder, socket, text string) *exec.Cmd {
		text = replaced(t, text, "listen "+docsGateway, "listen unix:"+socket)
		temporary := ""
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			temporary += kind + "_temp_path " + filepath.Join(folder, kind) + ";\n"
		}
		path := filepath.Join(folder, "nginx.conf")
		write(t, path, "daemon off;\nmaster_process off;\npid "+filepath.Join(folder, "pid")+";\nerror_log stderr warn;\n"+
			"events {}\nhttp {\naccess_log off;\n"+temporary+text+"}\n")
		return exec.CommandContext(t.Context(), binary("nginx"), "-e", "stderr", "-p", folder, "-c", path)
	}},
	"caddy": {"caddy", "Caddy", func(t *testing.T, folder, socket, text string) *exec.Cmd {
		text = replaced(t, text, "bind 127.0.0.1", "bind unix/"+socket)
		path := filepath.Join(folder, "Caddyfile")
		write(t, path, "{\n\tadmin off\n}\n"+text)
		cmd := exec.CommandContext(t.Context(), binary("caddy"), "run", "--config", path, "--adapter", "caddyfile")
		cmd.Env = []string{"HOME=" + folder}
		return cmd
	}},
}

// binary is where a program is, "" if it is not installed. Debian keeps servers
// where only root looks.
func binary(name string) string {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replaced fails the test if there is nothing to replace.
func replaced(t *testing.T, text, old, by string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the page does not say %q", old)
	}
	return strings.ReplaceAll(text, old, by)
}

// behind is an API behind a gateway, and what reached it.
type behind struct {
	t      *testing.T
	client *http.Client

	mu   sync.Mutex
	seen []*http.Request
	sent []string // their bodies
}

// run starts the gateway between an API and a Watchword at these addresses.
func run(t *testing.T, p program, watchwordAt string) *behind {
	t.Helper()
	if binary(p.binary) == "" {
		servertest.Missing(t, p.binary, "it is not installed")
	}
	b := &behind{t: t}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen, b.sent = append(b.seen, r), append(b.sent, string(body))
		fmt.Fprint(w, "the API")
	}))
	t.Cleanup(api.Close)
	// Not t.TempDir: the path of a socket may have about a hundred characters.
	folder, err := os.MkdirTemp("", "gateway")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	socket := filepath.Join(folder, "socket")
	text := replaced(t, documented(t, p.section), docsWatchword, watchwordAt)
	text = replaced(t, text, docsAPI, api.Listener.Addr().String())
	cmd := p.configure(t, folder, socket, text)
	said := &logbook{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended
		<-ended
		ended <- nil
		if t.Failed() {
			t.Logf("%s says:\n%s", p.binary, said)
		}
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-look.C {
		connection, err := net.Dial("unix", socket)
		if err == nil {
			connection.Close()
			return b
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", p.binary, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v", p.binary, err)
		}
	}
}

// ask sends a request through the gateway, its path as it is written, and returns
// the answer and what reached the API, nil if nothing did.
func (b *behind) ask(method, path, body string, headers ...string) (answer *http.Response, reached *http.Request, sent string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://127.0.0.1:8000", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.URL.Opaque = path
	if strings.HasPrefix(path, "//") {
		r.URL.Opaque = "http://127.0.0.1:8000" + path // which would be taken for a host
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	b.mu.Lock()
	before := len(b.seen)
	b.mu.Unlock()
	answer, err = b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	answer.Body.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) > before {
		reached, sent = b.seen[before], b.sent[before]
	}
	return answer, reached, sent
}

func TestTheDocumentedGatewaysLetThroughWhoMayPassAndNobodyElse(t *testing.T) {
	t.Parallel()
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			front := httptest.NewServer(a.Server) // which this test can close
			defer front.Close()
			b := run(t, p, front.Listener.Addr().String())
			ada, root := a.signedIn("ada"), a.signedIn("root", "admin", "user")
			bearer := func(u *user) []string { return []string{"Authorization", "Bearer " + u.access} }

			refused := func(status int, path string, headers ...string) {
				t.Helper()
				answer, reached, _ := b.ask("GET", path, "", headers...)
				if answer.StatusCode != status || reached != nil {
					t.Errorf("%s: got %d, want %d; it reached the API: %v", path, answer.StatusCode, status, reached != nil)
				}
				if challenge := answer.Header.Get("WWW-Authenticate"); (status == 401) != strings.HasPrefix(challenge, "Bearer ") && status != 403 {
					t.Errorf("%s: %d with the challenge %q", path, status, challenge)
				}
			}
			passes := func(path string, headers ...string) http.Header {
				t.Helper()
				answer, reached, _ := b.ask("GET", path, "", headers...)
				if answer.StatusCode != 200 || reached == nil {
					t.Fatalf("%s: got %d, it reached the API: %v", path, answer.StatusCode, reached != nil)
				}
				return reached.Header
			}

			refused(401, "/orders")
			refused(401, "/orders", "Authorization", "Bearer garbage")
			refused(401, "/orders?access_token="+ada.access)
			refused(401, "/admin/users")
			refused(403, "/admin/users", bearer(ada)...)
			passes("/admin/users", bearer(root)...)
			passes("/orders", "x-access-token", ada.access)
			passes("/orders", "Authorization", ada.access)

			want := map[string][]string{
				"X-Watchword-User": {ada.ID.String()}, "X-Watchword-Username": {"ada"}, "X-Watchword-Email": {"ada@example.org"},
				"X-Watchword-Roles": {"user"}, "X-Watchword-Session": {ada.session.String()},
			}
			// Neither are the visitor's own headers believed, under whichever spelling.
			forged := bearer(ada)
			for _, h := range identityHeaders {
				asCGI := strings.ReplaceAll(h, "-", "_")
				forged = append(forged, h, "forged", strings.ToLower(h), "forged again", asCGI, "forged for CGI", strings.ToLower(asCGI), "and again")
			}
			if diff := cmp.Diff(want, identity(passes("/orders", forged...))); diff != "" {
				t.Errorf("the API is told (-want +got):\n%s", diff)
			}

			// What Watchword leaves empty stays empty.
			now := a.clock.Now()
			nameless := a.addUser(account.User{Username: "plain", UsernameKey: "plain", Epoch: 1, EpochAt: now, CreatedAt: now})
			forged[1] = "Bearer " + nameless.access
			got := identity(passes("/orders", forged...))
			for _, h := range []string{"X-Watchword-Email", "X-Watchword-Roles"} {
				if text := strings.Join(got[h], ""); text != "" {
					t.Errorf("a user without one is told to the API as %s: %q", h, text)
				}
			}

			// The body goes to the API, and to nobody else.
			_, reached, sent := b.ask("POST", "/orders", `{"book":"The Trial"}`, bearer(ada)...)
			if reached == nil || reached.Method != "POST" || sent != `{"book":"The Trial"}` {
				t.Errorf("a POST: %v with %q", reached, sent)
			}

			// However the path is written, what is the administrators' stays theirs.
			for _, path := range []string{
				"/admin", "/admin/", "//admin/users", "/./admin/users", "/x/../admin/users", "/%61dmin/users", "/admin/%2e%2e/admin/users", "/admin//users", "/admin/?role=user",
			} {
				answer, reached, _ := b.ask("GET", path, "", bearer(ada)...)
				if answer.StatusCode < 400 || reached != nil {
					t.Errorf("%s: got %d, it reached the API: %v", path, answer.StatusCode, reached != nil)
				}
			}

			ada.do("POST", "/api/auth/signout", body{}).want(200)
			refused(401, "/orders", bearer(ada)...)

			// Without Watchword nobody passes.
			front.CloseClientConnections()
			front.Close()
			answer, reached, _ := b.ask("GET", "/orders", "", bearer(root)...)
			if answer.StatusCode < 500 || reached != nil {
				t.Errorf("without Watchword: got %d, it reached the API: %v", answer.StatusCode, reached != nil)
			}
		})
	}
}

// identity is those of the headers that say whose the request is.
func identity(h http.Header) map[string][]string {
	found := map[string][]string{}
	for name, values := range h {
		if strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "x-watchword-") {
			found[name] = values
		}
	}
	return found
}

// addUser makes a user as given, who is signed in.
func (a *app) addUser(u account.User) *user {
	a.t.Helper()
	u.ID = a.signedIn(u.Username + "-before").ID
	u.ID[15] ^= 1
	if err := a.store.Users.Add(a.t.Context(), u); err != nil {
		a.t.Fatal(err)
	}
	return a.begin(u, session.Body)
}

// Of the gateways that are not run here, the configuration is what the page says it
// is: it asks where Watchword answers, and takes all headers from there.
func TestTheDocumentedTraefikAsksAndReplaces(t *testing.T) {
	t.Parallel()
	var c struct {
		HTTP struct {
			Routers map[string]struct {
				Rule, Service string
				Middlewares   []string
			}
			Middlewares map[string]struct {
				ForwardAuth struct{ Address, AuthResponseHeadersRegex string }
			}
			Services map[string]struct {
				LoadBalancer struct{ Servers []struct{ URL string } }
			}
		}
	}
	decodeYAML(t, documented(t, "Traefik"), &c)
	paths := map[string]string{"watchword": "/api/auth/verify", "watchword-admin": "/api/auth/verify-role/admin"}
	if len(c.HTTP.Middlewares) != len(paths) || len(c.HTTP.Routers) != 2 {
		t.Errorf("got %+v", c.HTTP)
	}
	for name, path := range paths {
		auth := c.HTTP.Middlewares[name].ForwardAuth
		if auth.Address != "http://"+docsWatchword+path {
			t.Errorf("%s asks %s", name, auth.Address)
		}
		for _, h := range identityHeaders {
			for _, spelt := range []string{h, http.CanonicalHeaderKey(strings.ReplaceAll(strings.ToLower(h), "-", "_"))} {
				if matched, err := regexp.MatchString(auth.AuthResponseHeadersRegex, spelt); err != nil || !matched {
					t.Errorf("%s does not replace %s: %v", name, spelt, err)
				}
			}
		}
	}
	for name, router := range c.HTTP.Routers {
		if len(router.Middlewares) != 1 || paths[router.Middlewares[0]] == "" || len(c.HTTP.Services[router.Service].LoadBalancer.Servers) != 1 {
			t.Errorf("router %s: %+v", name, router)
		}
		if strings.Contains(router.Rule, "/admin") != (router.Middlewares[0] == "watchword-admin") {
			t.Errorf("router %s: %+v", name, router)
		}
	}
}

func TestTheDocumentedEnvoyAsksAndReplaces(t *testing.T) {
	t.Parallel()
	var c any
	decodeYAML(t, documented(t, "Envoy"), &c)
	at := func(from any, steps ...any) any {
		t.Helper()
		for _, step := range steps {
			switch key := step.(type) {
			case string:
				object, ok := from.(map[string]any)
				if !ok || object[key] == nil {
					t.Fatalf("no %v in %v", steps, from)
				}
				from = object[key]
			case int:
				list, ok := from.([]any)
				if !ok || len(list) <= key {
					t.Fatalf("no %v in %v", steps, from)
				}
				from = list[key]
			}
		}
		return from
	}
	manager := at(c, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
	var order, removed []string
	for _, filter := range at(manager, "http_filters").([]any) {
		order = append(order, at(filter, "name").(string))
	}
	if diff := cmp.Diff([]string{"envoy.filters.http.header_mutation", "watchword", "watchword-admin", "envoy.filters.http.router"}, order); diff != "" {
		t.Errorf("the order of the filters (-want +got):\n%s", diff)
	}
	for _, mutation := range at(manager, "http_filters", 0, "typed_config", "mutations", "request_mutations").([]any) {
		removed = append(removed, http.CanonicalHeaderKey(at(mutation, "remove").(string)))
	}
	slices.Sort(removed)
	if diff := cmp.Diff(identityHeaders, removed); diff != "" {
		t.Errorf("what visitors sent is removed (-want +got):\n%s", diff)
	}
	for i, prefix := range map[int]string{1: "/api/auth/verify", 2: "/api/auth/verify-role/admin"} {
		config := at(manager, "http_filters", i, "typed_config")
		if got := at(config, "http_service", "path_prefix"); got != prefix {
			t.Errorf("filter %d asks %v", i, got)
		}
		if got := at(config, "failure_mode_allow"); got != false {
			t.Errorf("filter %d lets pass when nobody answers: %v", i, got)
		}
		if got := at(config, "http_service", "authorization_response", "allowed_upstream_headers", "patterns", 0, "prefix"); got != "x-watchword-" {
			t.Errorf("filter %d copies %v", i, got)
		}
	}
	host := at(manager, "route_config", "virtual_hosts", 0)
	if at(host, "typed_per_filter_config", "watchword-admin", "disabled") != true {
		t.Error("every route needs the role")
	}
	if at(host, "routes", 0, "match", "prefix") != "/admin" || at(host, "routes", 0, "typed_per_filter_config", "watchword-admin", "check_settings") == nil {
		t.Errorf("the first route: %v", at(host, "routes", 0))
	}

	// And Watchword answers what it asks: the visitor's method and path, behind the prefix.
	a := start(t)
	u := a.signedIn("ada")
	for path, status := range map[string]int{"/api/auth/verify/orders/7?x=y": 204, "/api/auth/verify-role/admin/admin/users": 403} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a.do(method, path, nil, header("Authorization", "Bearer "+u.access)).want(status)
		}
	}
}

func decodeYAML(t *testing.T, text string, into any) {
	t.Helper()
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(converted, into); err != nil {
		t.Fatal(err)
	}
}
