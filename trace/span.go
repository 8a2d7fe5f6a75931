package trace

import (
	"context"
	"encoding/hex"
	"time"
)

// ID names a trace: all spans of one request, in all servers that took part.
type ID [16]byte

// SpanID names a span within its trace.
type SpanID [8]byte

// String is the form that logs and headers have.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// String is the form that headers have.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// Kind says which side of a call a span is.
type Kind int

// The kinds, with OTLP's numbers.
const (
	Internal Kind = 1
	Server   Kind = 2
)

// Attribute is something that is known of a span: text, an integer or a truth.
type Attribute struct {
	Key   string
	Value any // string, int or bool
}

// Span is one piece of work, from its start to its end. All methods of a nil Span
// do nothing, so that whoever starts one need not ask whether anybody traces. It
// is of one goroutine.
type Span struct {
	Trace      ID
	ID         SpanID
	Parent     SpanID // zero: none
	Name       string
	Kind       Kind
	Began      time.Time
	Ended      time.Time
	Attributes []Attribute
	Failed     bool

	tracer *Tracer
}

type spanKey struct{}

// Start begins a span within the one that the context has, and returns a context
// that has the new one. If the context has none, nobody traces: then the context
// is the same and the span is nil.
func Start(ctx context.Context, name string) (context.Context, *Span) {
	parent := From(ctx)
	if parent == nil {
		return ctx, nil
	}
	child := parent.tracer.begin(parent.Trace, parent.ID, name, Internal)
	return context.WithValue(ctx, spanKey{}, child), child
}

// From is the span that a context has, or nil.
func From(ctx context.Context) *Span {
	span, _ := ctx.Value(spanKey{}).(*Span)
	return span
}

// Set adds an attribute. The value must be a word of the domain, or a number: never
// what a client sent.
func (s *Span) Set(key string, value any) {
	if s != nil {
		s.Attributes = append(s.Attributes, Attribute{key, value})
	}
}

// Rename gives the span the name that was not known when it began.
func (s *Span) Rename(name string) {
	if s != nil {
		s.Name = name
	}
}

// Fail marks that the work went wrong. Why is in the log.
func (s *Span) Fail() {
	if s != nil {
		s.Failed = true
	}
}

// End hands the span to the Tracer. Nothing may be changed after it.
func (s *Span) End() {
	if s == nil || !s.Ended.IsZero() {
		return
	}
	s.Ended = s.Began.Add(time.Since(s.Began))
	s.tracer.take(s)
}
