package lint

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/watchwordauth/watchword/trace"
)

// TestOpenTelemetrysCollectorReadsTheTraces lets the collector's own code read what
// is exported.
func TestOpenTelemetrysCollectorReadsTheTraces(t *testing.T) {
	t.Parallel()
	var received ptrace.Traces
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalJSON(body); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		received = request.Traces()
		answer, err := ptraceotlp.NewExportResponse().MarshalJSON()
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	defer collector.Close()
	export, err := trace.OTLP(collector.URL, trace.Resource{Service: "watchword", Version: "v1.2.3", Instance: "node1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r := httptest.NewRequest("POST", "/refresh", nil)
	r.Header.Set("Traceparent", parent)
	tracer := trace.New(trace.Config{Export: export, Sample: 1, Logger: quiet})
	ctx, root := tracer.Request(r, true)
	_, child := trace.Start(ctx, "session.refresh")
	child.Set("watchword.verdict", "rotate")
	child.Set("watchword.healed", true)
	child.End()
	root.Set("http.response.status_code", 503)
	root.Fail()
	root.End()
	if err := export(t.Context(), []*trace.Span{child, root}); err != nil {
		t.Fatal(err)
	}

	resource := received.ResourceSpans().At(0)
	if name, _ := resource.Resource().Attributes().Get("service.name"); name.Str() != "watchword" {
		t.Errorf("the service is %q", name.Str())
	}
	spans := resource.ScopeSpans().At(0).Spans()
	if spans.Len() != 2 {
		t.Fatalf("it reads %d spans", spans.Len())
	}
	c, s := spans.At(0), spans.At(1)
	if s.TraceID().String() != parent[3:35] || s.ParentSpanID().String() != parent[36:52] || s.Kind() != ptrace.SpanKindServer || s.Status().Code() != ptrace.StatusCodeError {
		t.Errorf("the request's span is %v in %v below %v, %v", s.SpanID(), s.TraceID(), s.ParentSpanID(), s.Status())
	}
	if c.ParentSpanID() != s.SpanID() || c.TraceID() != s.TraceID() || c.Kind() != ptrace.SpanKindInternal || c.Name() != "session.refresh" {
		t.Errorf("the other is %s, below %v", c.Name(), c.ParentSpanID())
	}
	if status, _ := s.Attributes().Get("http.response.status_code"); status.Int() != 503 {
		t.Errorf("the status is %v", status.AsString())
	}
	if healed, _ := c.Attributes().Get("watchword.healed"); !healed.Bool() {
		t.Error("it was not healed")
	}
	if !c.StartTimestamp().AsTime().Equal(child.Began.UTC()) || c.EndTimestamp() < c.StartTimestamp() {
		t.Errorf("it lasted from %v to %v", c.StartTimestamp(), c.EndTimestamp())
	}
}
