package trace

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// Exporter sends spans that have ended to where they are read. The context bounds
// it. It does not keep the slice.
type Exporter func(ctx context.Context, spans []*Span) error

// Config is what a Tracer needs. Export must be set.
type Config struct {
	Export Exporter

	// Sample is the share of requests that are traced, of those that no trusted
	// caller decided about: 1 is all, 0.01 one of a hundred. 0 is none.
	Sample float64

	Rand   io.Reader    // default: crypto/rand
	Logger *slog.Logger // default: slog.Default
}

// Tracer begins traces and exports their spans, while Run runs. It is safe for
// concurrent use. A nil Tracer traces nothing.
type Tracer struct {
	config  Config
	below   uint64 // what the last eight bytes of a trace's id must be less than
	ended   chan *Span
	dropped atomic.Uint64
}

// How much is exported at once and how often, and how much may wait for it.
const (
	queueSize     = 4096
	batchSize     = 512
	exportEvery   = 2 * time.Second
	exportWithin  = 5 * time.Second
	longestReport = time.Minute
)

// New makes a Tracer.
func New(c Config) *Tracer {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	t := &Tracer{config: c, ended: make(chan *Span, queueSize)}
	switch {
	case c.Sample >= 1:
		t.below = math.MaxUint64
	case c.Sample > 0:
		t.below = uint64(c.Sample * (1 << 63) * 2)
	}
	return t
}

// Request begins the span of a request, if it is to be traced. A traceparent header
// is continued if trusted says that whoever sent the request may decide that: it
// names the trace, and says whether there is one.
func (t *Tracer) Request(r *http.Request, trusted bool) (context.Context, *Span) {
	ctx := r.Context()
	if t == nil {
		return ctx, nil
	}
	var parent Parent
	if trusted {
		parent, _ = ParseParent(r.Header.Get("Traceparent")) // the zero one of what is malformed
	}
	if parent.Trace == (ID{}) {
		parent.Trace = t.newID()
		parent.Sampled = binary.BigEndian.Uint64(parent.Trace[8:]) < t.below
	}
	if !parent.Sampled {
		return ctx, nil
	}
	span := t.begin(parent.Trace, parent.Span, "request", Server)
	return context.WithValue(ctx, spanKey{}, span), span
}

func (t *Tracer) begin(trace ID, parent SpanID, name string, kind Kind) *Span {
	s := &Span{Trace: trace, Parent: parent, Name: name, Kind: kind, Began: time.Now(), tracer: t}
	t.draw(s.ID[:])
	return s
}

func (t *Tracer) newID() (id ID) {
	t.draw(id[:])
	return id
}

// draw fills in an id. All zero means none, so it is never that.
func (t *Tracer) draw(id []byte) {
	if _, err := io.ReadFull(t.config.Rand, id); err != nil {
		clear(id) // a trace that looks odd harms nobody
	}
	id[0] |= 1
}

// take queues a span that has ended, or drops it.
func (t *Tracer) take(s *Span) {
	select {
	case t.ended <- s:
	default:
		t.dropped.Add(1)
	}
}

// Run exports what ends, until the context does; then it exports what is left, for
// five seconds at most. It logs that the collector is gone, and that it is back, once
// each.
func (t *Tracer) Run(ctx context.Context) {
	ticker := time.NewTicker(exportEvery)
	defer ticker.Stop()
	report := reporter{tracer: t}
	batch := make([]*Span, 0, batchSize)
	flush := func(ctx context.Context) {
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, exportWithin)
		defer cancel()
		err := t.config.Export(ctx, batch)
		if err != nil {
			t.dropped.Add(uint64(len(batch)))
		}
		report.exported(err)
		clear(batch)
		batch = batch[:0]
	}
	for ctx.Err() == nil {
		select {
		case s := <-t.ended:
			if batch = append(batch, s); len(batch) == batchSize {
				flush(context.WithoutCancel(ctx))
			}
		case <-ticker.C:
			flush(context.WithoutCancel(ctx))
		case <-ctx.Done():
		}
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportWithin)
	defer cancel()
	for bounded.Err() == nil && len(t.ended)+len(batch) > 0 {
		for len(t.ended) > 0 && len(batch) < batchSize {
			batch = append(batch, <-t.ended)
		}
		flush(bounded)
	}
}

// reporter logs what becomes of exports.
type reporter struct {
	tracer   *Tracer
	failing  bool
	reported time.Time
}

func (r *reporter) exported(err error) {
	logger := r.tracer.config.Logger
	switch {
	case err != nil && !r.failing:
		logger.Warn("traces cannot be exported; they are dropped", "error", err)
	case err == nil && r.failing:
		logger.Info("traces are exported again")
	}
	r.failing = err != nil
	if time.Since(r.reported) < longestReport {
		return
	}
	if lost := r.tracer.dropped.Swap(0); lost > 0 {
		logger.Warn("spans were dropped", "count", lost)
		r.reported = time.Now()
	}
}
