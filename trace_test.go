package watchword_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/trace"
)

// collector is an OpenTelemetry collector, as far as a test needs one.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	text  strings.Builder
	spans []span
}

type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	Attributes                          []struct {
		Key   string
		Value map[string]any
	}
}

// attribute is what a span says of a key, as text.
func (s span) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			for _, value := range a.Value {
				return fmt.Sprint(value)
			}
		}
	}
	return ""
}

func collect(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		var request struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []span }
			}
		}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Errorf("%v in %s", err, body)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.text.Write(body)
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// named is the one span of a trace that has this name.
func (c *collector) named(t *testing.T, trace, name string) span {
	t.Helper()
	var found []span
	for _, s := range c.spans {
		if s.TraceID == trace && s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans of the trace are named %s, want 1: %+v", len(found), name, c.spans)
	}
	return found[0]
}

func TestATraceLeadsFromTheRequestToTheStore(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "watchword.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	collected := collect(t)
	export, err := trace.OTLP(collected.URL, trace.Resource{Service: "watchword"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	policy := session.DefaultPolicy()
	policy.MinAge = 0
	s, err := watchword.New(t.Context(), watchword.Config{
		Store: db.Set(), MasterSecrets: []string{newSecret(t)}, Policy: policy, Logger: quiet,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("203.0.113.77/32")}, // see ask
		Tracer:         trace.New(trace.Config{Export: export, Sample: 1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	const password = "correct horse battery"
	ask(t, s, "POST", "/api/auth/signup", "", `{"username":"adalovelace","email":"ada@example.org","password":"`+password+`"}`)
	_, in := ask(t, s, "POST", "/api/auth/signin", "", `{"username":"adalovelace","password":"`+password+`"}`)
	refreshToken := in["refreshToken"].(string)

	const caller = "0af7651916cd43dd8448eb211c80319c"
	r := httptest.NewRequest("POST", "/api/auth/refreshtoken?token="+refreshToken, strings.NewReader(`{"refreshToken":"`+refreshToken+`"}`))
	r.RemoteAddr = "203.0.113.77:4711"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "a-very-secret-request-key")
	r.Header.Set("User-Agent", "a-very-special-browser")
	r.Header.Set("X-Forwarded-For", "198.51.100.9")
	r.Header.Set("Traceparent", "00-"+caller+"-b7ad6b7169203331-01")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("the refresh was answered with %d: %s", w.Code, w.Body)
	}
	var renewed map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &renewed); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // which exports what is left
		t.Fatal(err)
	}

	collected.mu.Lock()
	defer collected.mu.Unlock()
	root := collected.named(t, caller, "POST /api/auth/refreshtoken")
	if root.ParentSpanID != "b7ad6b7169203331" || root.attribute("http.response.status_code") != "200" {
		t.Errorf("the request's span is %+v", root)
	}
	refreshed := collected.named(t, caller, "session.refresh")
	if refreshed.ParentSpanID != root.SpanID || refreshed.attribute("watchword.verdict") != "rotate" {
		t.Errorf("the refresh's span is %+v, in %s", refreshed, root.SpanID)
	}
	if got := collected.named(t, caller, "store sessions.step"); got.ParentSpanID != refreshed.SpanID {
		t.Errorf("the step is a part of %s, not of the refresh", got.ParentSpanID)
	}
	for what, secret := range map[string]string{
		"a password": password, "a name": "adalovelace", "an email address": "ada@example.org", "a client's address": "198.51.100.9",
		"a proxy's address": "203.0.113.77", "a user agent": "special-browser", "a request key": "secret-request-key", "a user's id": in["id"].(string),
		"a refresh token": strings.TrimPrefix(refreshToken, "wwr_"), "the next one": strings.TrimPrefix(renewed["refreshToken"].(string), "wwr_"),
		"an access token": renewed["accessToken"].(string),
	} {
		if strings.Contains(collected.text.String(), secret) {
			t.Errorf("the traces tell %s", what)
		}
	}
}
