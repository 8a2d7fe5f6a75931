package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/trace"
)

var quiet = slog.New(slog.DiscardHandler)

// shelf is an Exporter that keeps what it gets.
type shelf struct {
	mu    sync.Mutex
	spans []trace.Span
	err   error
}

func (s *shelf) export(_ context.Context, spans []*trace.Span) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, span := range spans {
		s.spans = append(s.spans, trace.Span{
			Trace: span.Trace, ID: span.ID, Parent: span.Parent, Name: span.Name, Kind: span.Kind,
			Began: span.Began, Ended: span.Ended, Attributes: span.Attributes, Failed: span.Failed,
		})
	}
	return nil
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spans)
}

func request(parent string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if parent != "" {
		r.Header.Set("Traceparent", parent)
	}
	return r
}

func TestSpansFormATree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &shelf{}
		tracer := trace.New(trace.Config{Export: kept.export, Sample: 1, Logger: quiet})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { tracer.Run(ctx) })

		inRoot, root := tracer.Request(request(header), true)
		time.Sleep(time.Millisecond)
		inChild, child := trace.Start(inRoot, "child")
		time.Sleep(2 * time.Millisecond)
		_, grandchild := trace.Start(inChild, "grandchild")
		grandchild.Fail()
		grandchild.End()
		child.Set("answer", 42)
		child.End()
		child.End() // the second time does nothing
		root.Rename("GET /")
		root.End()
		time.Sleep(3 * time.Second)
		if got := kept.count(); got != 3 {
			t.Fatalf("got %d spans, want 3", got)
		}
		g, c, r := kept.spans[0], kept.spans[1], kept.spans[2]
		if r.Trace.String() != header[3:35] || r.Parent.String() != header[36:52] || r.Name != "GET /" || r.Kind != trace.Server {
			t.Errorf("the root is %+v", r)
		}
		if c.Trace != r.Trace || c.Parent != r.ID || c.Ended.Sub(c.Began) != 2*time.Millisecond || c.Failed {
			t.Errorf("the child is %+v", c)
		}
		if g.Trace != r.Trace || g.Parent != c.ID || !g.Failed {
			t.Errorf("the grandchild is %+v", g)
		}
		stop()
		running.Wait()
	})
}

func TestWhoTracesDecides(t *testing.T) {
	t.Parallel()
	unsampled := header[:53] + "00"
	for name, row := range map[string]struct {
		sample    float64
		parent    string
		trusted   bool
		traced    bool
		continued bool
	}{
		"nobody asked, all are traced":    {1, "", false, true, false},
		"nobody asked, none is traced":    {0, "", false, false, false},
		"a proxy that traces":             {0, header, true, true, true},
		"a proxy that does not":           {1, unsampled, true, false, false},
		"a stranger cannot have a trace":  {0, header, false, false, false},
		"a stranger cannot name a trace":  {1, header, false, true, false},
		"a stranger cannot avoid a trace": {1, unsampled, false, true, false},
		"a proxy that is confused":        {1, "00-nonsense", true, true, false},
	} {
		tracer := trace.New(trace.Config{Export: (&shelf{}).export, Sample: row.sample})
		ctx, span := tracer.Request(request(row.parent), row.trusted)
		if (span != nil) != row.traced || trace.From(ctx) != span {
			t.Errorf("%s: got span %+v", name, span)
		}
		if span != nil && (span.Trace.String() == header[3:35]) != row.continued {
			t.Errorf("%s: the trace is %s", name, span.Trace)
		}
	}
}

func TestAShareOfRequestsIsTraced(t *testing.T) {
	t.Parallel()
	tracer := trace.New(trace.Config{Export: (&shelf{}).export, Sample: 0.1})
	traced := 0
	for range 10_000 {
		if _, span := tracer.Request(request(""), false); span != nil {
			traced++
		}
	}
	if traced < 800 || traced > 1200 { // more than six standard deviations off
		t.Errorf("of 10,000 requests %d were traced, want about 1,000", traced)
	}
}

func TestWithoutATracerNothingIsTraced(t *testing.T) { // not parallel: it counts allocations
	var none *trace.Tracer
	ctx, span := none.Request(request(header), true)
	if span != nil {
		t.Fatal("somebody traces")
	}
	if got := testing.AllocsPerRun(100, func() {
		_, child := trace.Start(ctx, "child")
		child.Set("key", "value")
		child.Fail()
		child.End()
	}); got != 0 {
		t.Errorf("what nobody traces allocates %v times", got)
	}
}

func TestACollectorThatIsGoneIsToldOnceAndStopsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		kept := &shelf{err: errors.New("connection refused")}
		tracer := trace.New(trace.Config{Export: kept.export, Sample: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { tracer.Run(ctx) })
		for range 10 {
			_, span := tracer.Request(request(""), false)
			span.End()
			time.Sleep(5 * time.Second)
		}
		kept.fail(nil)
		_, span := tracer.Request(request(""), false)
		span.End()
		time.Sleep(5 * time.Second)
		_, span = tracer.Request(request(""), false)
		span.End() // and at once the end, which exports it
		stop()
		running.Wait()
		if got := kept.count(); got != 2 {
			t.Errorf("%d spans arrived after it was back, want 2", got)
		}
		text := log.String()
		for sentence, want := range map[string]int{"cannot be exported": 1, "exported again": 1, "spans were dropped": 1} {
			if got := strings.Count(text, sentence); got != want {
				t.Errorf("%q is logged %d times, want %d:\n%s", sentence, got, want, text)
			}
		}
	})
}

func TestTheEndExportsWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &shelf{}
		tracer := trace.New(trace.Config{Export: kept.export, Sample: 1, Logger: quiet})
		for range 1300 { // more than one batch
			_, span := tracer.Request(request(""), false)
			span.End()
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		tracer.Run(ctx)
		if got := kept.count(); got != 1300 {
			t.Errorf("%d spans arrived, want 1300", got)
		}
	})
}

func TestASlowCollectorCostsSpansNotTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracer := trace.New(trace.Config{
			Export: func(ctx context.Context, _ []*trace.Span) error { <-ctx.Done(); return ctx.Err() },
			Sample: 1, Logger: quiet,
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { tracer.Run(ctx) })
		began := time.Now()
		for range 20_000 {
			_, span := tracer.Request(request(""), false)
			span.End()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("whoever ended a span waited %v", took)
		}
		stop()
		running.Wait()
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestTheExportIsOTLP(t *testing.T) {
	t.Parallel()
	var got struct {
		path, kind string
		body       map[string]any
	}
	answer, status := "{}", http.StatusOK
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.path, got.kind = r.Method+" "+r.URL.Path, r.Header.Get("Content-Type")
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &got.body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	defer collector.Close()
	export, err := trace.OTLP(collector.URL, trace.Resource{Service: "watchword", Version: "v1", Instance: "node-1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tracer := trace.New(trace.Config{Export: export, Sample: 1})
	_, span := tracer.Request(request(header), true)
	span.Set("number", 7)
	span.Set("truth", false)
	span.Set("word", "rotate")
	span.Fail()
	span.Began = time.Unix(1, 5)
	span.Ended = time.Unix(2, 6)
	if err := export(t.Context(), []*trace.Span{span}); err != nil {
		t.Fatal(err)
	}
	if got.path != "POST /v1/traces" || got.kind != "application/json" {
		t.Errorf("it asked %s with %s", got.path, got.kind)
	}
	want := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[`+
		`{"key":"service.name","value":{"stringValue":"watchword"}},{"key":"service.version","value":{"stringValue":"v1"}},`+
		`{"key":"service.instance.id","value":{"stringValue":"node-1"}}]},`+
		`"scopeSpans":[{"scope":{"name":"github.com/watchwordauth/watchword"},"spans":[{`+
		`"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"%s","parentSpanId":"b7ad6b7169203331","name":"request","kind":2,`+
		`"startTimeUnixNano":"1000000005","endTimeUnixNano":"2000000006","attributes":[{"key":"number","value":{"intValue":"7"}},`+
		`{"key":"truth","value":{"boolValue":false}},{"key":"word","value":{"stringValue":"rotate"}}],"status":{"code":2}}]}]}]}`, span.ID)
	var wanted map[string]any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(wanted), fmt.Sprint(got.body); a != b {
		t.Errorf("it sent\n%s, want\n%s", b, a)
	}

	for _, row := range []struct {
		status int
		answer string
		good   bool
	}{
		{200, "", true},
		{200, `{"partialSuccess":{}}`, true},
		{200, `{"partialSuccess":{"rejectedSpans":"0"}}`, true},
		{200, `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}`, false},
		{307, "", false},
		{400, "{}", false},
		{503, "", false},
	} {
		status, answer = row.status, row.answer
		if err := export(t.Context(), []*trace.Span{span}); (err == nil) != row.good {
			t.Errorf("after %d %q: %v", row.status, row.answer, err)
		}
	}
}

func TestEndpointsAreChecked(t *testing.T) {
	t.Parallel()
	for endpoint, good := range map[string]bool{
		"http://127.0.0.1:4318":            true,
		"https://collector.example/otlp/":  true,
		"http://127.0.0.1:4318/v1/traces":  true,
		"127.0.0.1:4318":                   false,
		"grpc://127.0.0.1:4317":            false,
		"http://user:secret@127.0.0.1":     false,
		"http://127.0.0.1:4318?token=abcd": false,
		"":                                 false,
	} {
		_, err := trace.OTLP(endpoint, trace.Resource{}, nil)
		if (err == nil) != good || err != nil && !errors.Is(err, trace.ErrEndpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	b.Run("off", func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.WithValue(context.WithValue(b.Context(), trace.Kind(7), 1), trace.Kind(8), 2)
		for b.Loop() {
			_, span := trace.Start(ctx, "work")
			span.End()
		}
	})
	b.Run("on", func(b *testing.B) {
		b.ReportAllocs()
		tracer := trace.New(trace.Config{Export: (&shelf{}).export, Sample: 1})
		ctx, _ := tracer.Request(request(""), false)
		for b.Loop() {
			_, span := trace.Start(ctx, "work")
			span.End()
		}
	})
}
