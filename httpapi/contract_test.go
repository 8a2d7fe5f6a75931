package httpapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

func randomRead(p []byte) (int, error) { return rand.Read(p) }

// contract is openapi.yaml.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	openapi3filter.RegisterBodyDecoder("application/jwt", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/jwk-set+json", openapi3filter.JSONBodyDecoder)
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

const issuersMetadata = "/.well-known/oauth-authorization-server/"

// find is the path of the contract that a request is for, and its parameters.
func find(doc *openapi3.T, path string) (template string, parameters map[string]string) {
	if strings.HasPrefix(path, issuersMetadata) { // followed by the issuer's path
		return strings.TrimSuffix(issuersMetadata, "/"), nil
	}
	given := strings.Split(path, "/")
	for template := range doc.Paths.Map() {
		segments := strings.Split(template, "/")
		parameters := map[string]string{}
		matches := len(given) >= len(segments)
		for i, segment := range segments {
			switch {
			case !matches:
			case segment == "{path}":
				parameters["path"] = "/" + strings.Join(given[i:], "/") // may be empty, which no parameter is
			case strings.HasPrefix(segment, "{"):
				parameters[strings.Trim(segment, "{}")] = given[i]
			default:
				matches = segment == given[i]
			}
		}
		if matches && (len(given) == len(segments) || parameters["path"] != "") {
			return template, parameters
		}
	}
	return "", nil
}

// checked is a transport that holds every exchange against the contract: every
// answer must be in it, and every request that was accepted.
type checked struct{ app *app }

func (c *checked) RoundTrip(r *http.Request) (*http.Response, error) {
	t := c.app.t
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	c.app.seen.ofRequest(r, sent)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return answer, nil
	}
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(got))
	c.app.seen.ofAnswer(answer, got)
	r.Body = io.NopCloser(bytes.NewReader(sent))
	check(t, r, answer, got)
	return answer, nil
}

func check(t *testing.T, r *http.Request, answer *http.Response, got []byte) {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	template, parameters := find(doc, r.URL.Path)
	method := r.Method
	if method == http.MethodHead || strings.HasPrefix(template, "/api/auth/verify") {
		method = http.MethodGet
	}
	var operation *openapi3.Operation
	if template != "" {
		operation = doc.Paths.Value(template).GetOperation(method)
	}
	if operation == nil || r.Method == http.MethodOptions {
		checkElsewhere(t, doc, r, answer, got)
		return
	}
	request := r.Clone(context.Background())
	request.Method = method
	request.Body = r.Body
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters,
		Route: &routers.Route{
			Spec: doc, Path: template, PathItem: doc.Paths.Value(template), Method: method, Operation: operation,
		},
		Options: &openapi3filter.Options{
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus: true, MultiError: true,
			SkipSettingDefaults: true,
		},
	}
	if answer.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			t.Errorf("%s %s was accepted, but is not in the contract: %v", r.Method, r.URL.Path, err)
		}
	}
	if r.Method == http.MethodHead {
		return
	}
	if err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(got)), Options: input.Options,
	}); err != nil {
		t.Errorf("%s %s: the answer %d is not in the contract: %v", r.Method, r.URL.Path, answer.StatusCode, err)
	}
}

// checkElsewhere holds an answer where there is no route to what is promised of
// any: nothing, or a problem.
func checkElsewhere(t *testing.T, doc *openapi3.T, r *http.Request, answer *http.Response, got []byte) {
	t.Helper()
	if answer.StatusCode == http.StatusNoContent && len(got) == 0 || r.Method == http.MethodHead {
		return
	}
	var value any
	if err := json.Unmarshal(got, &value); err != nil || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s: %d, %s is no problem: %s", r.Method, r.URL.Path, answer.StatusCode, answer.Header.Get("Content-Type"), got)
		return
	}
	if err := doc.Components.Schemas["Problem"].Value.VisitJSON(value); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
}

// secrets are the tokens, passwords and keys that were seen during a test.
type secrets struct {
	mu   sync.Mutex
	seen []string
}

func (s *secrets) add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		if len(text) >= 6 {
			s.seen = append(s.seen, text)
		}
	}
}

// secretFields are those of bodies whose values are secret.
var secretFields = []string{
	"password", "currentPassword", "newPassword", "accessToken", "refreshToken",
	"access_token", "refresh_token", "token", "client_secret", "link",
}

func (s *secrets) ofRequest(r *http.Request, sent []byte) {
	for _, name := range []string{"Authorization", "X-Access-Token", "Idempotency-Key"} {
		for _, value := range r.Header.Values(name) {
			s.add(strings.TrimPrefix(value, "Bearer "))
		}
	}
	for _, c := range r.Cookies() {
		s.add(c.Value)
	}
	s.ofBody(sent)
	if form, err := url.ParseQuery(string(sent)); err == nil {
		for _, name := range secretFields {
			s.add(form[name]...)
		}
	}
}

func (s *secrets) ofAnswer(answer *http.Response, got []byte) {
	for _, c := range answer.Cookies() {
		s.add(c.Value)
	}
	s.ofBody(got)
}

func (s *secrets) ofBody(text []byte) {
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return
	}
	for _, name := range secretFields {
		if value, ok := object[name].(string); ok {
			s.add(value)
		}
	}
}

// search fails the test if a secret, or the part of a token that makes it one, is
// in the log.
func (s *secrets) search(t *testing.T, log string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.seen)
	for _, secret := range slices.Compact(s.seen) {
		parts := []string{secret}
		if strings.Count(secret, ".") == 2 {
			parts = append(parts, secret[strings.LastIndexByte(secret, '.')+1:])
		}
		for _, part := range parts {
			if len(part) >= 6 && strings.Contains(log, part) {
				t.Errorf("the log holds a secret: %q", part)
			}
		}
	}
	if strings.Contains(log, "wwr_") {
		t.Error("the log holds a refresh token")
	}
}
