package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Resource is who exports, as collectors show it.
type Resource struct {
	Service  string // service.name
	Version  string // service.version
	Instance string // service.instance.id: which node
}

// ErrEndpoint is wrapped by the errors of OTLP about the endpoint.
var ErrEndpoint = errors.New("not the address of a collector")

// OTLP exports to a collector in OTLP/HTTP, in the JSON form of OpenTelemetry
// Protocol 1: POST to /v1/traces under the endpoint, such as http://127.0.0.1:4318.
// The client should not follow redirects; nil means one that does not.
func OTLP(endpoint string, from Resource, client *http.Client) (Exporter, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%w: write it as http://127.0.0.1:4318", ErrEndpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: it must not have a user, a query or a fragment", ErrEndpoint)
	}
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	target := strings.TrimSuffix(u.String(), "/")
	if !strings.HasSuffix(target, tracesPath) {
		target += tracesPath
	}
	return func(ctx context.Context, spans []*Span) error {
		body, err := json.Marshal(encode(from, spans))
		if err != nil {
			return fmt.Errorf("encode spans: %w", err)
		}
		return post(ctx, client, target, body)
	}, nil
}

const tracesPath = "/v1/traces"

// post sends what was encoded, and reads what the collector made of it.
func post(ctx context.Context, client *http.Client, target string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the collector answered %s", answer.Status)
	}
	var result struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"`
		} `json:"partialSuccess"`
	}
	// A collector that says nothing, or something else, took everything.
	if json.Unmarshal(text, &result) == nil {
		if rejected := result.PartialSuccess.RejectedSpans; rejected != "" && rejected != "0" {
			return fmt.Errorf("the collector rejected %s spans", rejected)
		}
	}
	return nil
}

// What follows is the JSON form of ExportTraceServiceRequest, as far as it is used
// here: protobuf's, but for ids, which are hexadecimal. 64-bit integers are strings.
type (
	otlpRequest struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name string `json:"name"`
	}
	otlpSpan struct {
		Trace      string          `json:"traceId"`
		ID         string          `json:"spanId"`
		Parent     string          `json:"parentSpanId,omitempty"`
		Name       string          `json:"name"`
		Kind       Kind            `json:"kind"`
		Began      string          `json:"startTimeUnixNano"`
		Ended      string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Status     otlpStatus      `json:"status"`
	}
	otlpStatus struct {
		Code int `json:"code,omitempty"` // 2: an error
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		Text    *string `json:"stringValue,omitempty"`
		Integer *string `json:"intValue,omitempty"`
		Truth   *bool   `json:"boolValue,omitempty"`
	}
)

func encode(from Resource, spans []*Span) otlpRequest {
	encoded := make([]otlpSpan, 0, len(spans))
	for _, s := range spans {
		o := otlpSpan{
			Trace: s.Trace.String(), ID: s.ID.String(), Name: s.Name, Kind: s.Kind,
			Began: nanos(s.Began), Ended: nanos(s.Ended), Attributes: attributes(s.Attributes),
		}
		if s.Parent != (SpanID{}) {
			o.Parent = s.Parent.String()
		}
		if s.Failed {
			o.Status.Code = 2
		}
		encoded = append(encoded, o)
	}
	return otlpRequest{[]otlpResourceSpans{{
		Resource: otlpResource{attributes([]Attribute{
			{"service.name", from.Service}, {"service.version", from.Version}, {"service.instance.id", from.Instance},
		})},
		ScopeSpans: []otlpScopeSpans{{Scope: otlpScope{Name: "github.com/watchwordauth/watchword"}, Spans: encoded}},
	}}}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attributes(list []Attribute) []otlpAttribute {
	var encoded []otlpAttribute
	for _, a := range list {
		var v otlpValue
		switch value := a.Value.(type) {
		case string:
			v.Text = &value
		case int:
			text := strconv.Itoa(value)
			v.Integer = &text
		case bool:
			v.Truth = &value
		default:
			continue
		}
		encoded = append(encoded, otlpAttribute{a.Key, v})
	}
	return encoded
}
