package httpapi

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/trace"
)

// entry is what is known of a request while it is answered: for the log, and for
// the handlers that need to know where it came from.
type entry struct {
	id      string
	address netip.Addr
	route   string // the pattern, never the path: a path can hold a secret
	quiet   bool   // routine traffic: logged only when it fails
	metrics *metric.Route
	span    *trace.Span // nil: the request is not traced
	user    string      // once an access token or a refresh token was verified
	session string
	failure *Problem
}

type entryKey struct{}

// entryOf is the entry of a request. Every request that reaches a handler has one.
func entryOf(r *http.Request) *entry {
	return r.Context().Value(entryKey{}).(*entry)
}

// access gives every request its entry, an id and the headers that all answers
// have, turns a panic into a 500, and writes one line about it.
//
// The line holds the route, never the path, the query or a header: those are
// where a client may have put a secret by mistake.
func (a *api) access(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a.adviseOfProxy(r)
		e := &entry{address: clientAddress(r, a.TrustedProxies)}
		e.id = a.requestID(r)
		h := w.Header()
		h.Set("X-Request-Id", e.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")

		boundBody(w, r, start)
		ctx, span := a.Tracer.Request(r, within(parseAddress(r.RemoteAddr), a.TrustedProxies))
		e.span = span
		ctx = context.WithValue(ctx, entryKey{}, e)
		out := &answer{ResponseWriter: w}
		defer func() {
			recovered := recover()
			if recovered != nil && recovered != http.ErrAbortHandler {
				e.failure = problem(CodeInternal, "Something went wrong on the server.").because(fmt.Errorf("panic: %v", recovered))
				e.failure.RequestID = e.id
				a.Logger.Error("panic", "request", e.id, "stack", string(debug.Stack()))
				if out.status == 0 {
					e.failure.write(out)
				}
			}
			took := time.Since(start)
			if e.metrics == nil { // no endpoint: a page
				e.metrics = a.Metrics.Route(e.route)
			}
			e.metrics.Answered(out.status, took)
			e.endSpan(r, out.status)
			a.log(r, e, out, took)
			if recovered == http.ErrAbortHandler {
				panic(recovered)
			}
		}()
		next.ServeHTTP(out, r.WithContext(ctx))
	})
}

// boundBody bounds the time of reading a request's body, also of what a handler
// leaves of it, which net/http reads before the answer is sent. Not every
// connection has deadlines; the server's own then has to do.
//
// Once the body has come the bound is lifted: net/http goes on reading, to learn that
// the client has gone, and would take the bound's end for that. All requests to come
// on the connection would find themselves cancelled.
func boundBody(w http.ResponseWriter, r *http.Request, start time.Time) {
	connection := http.NewResponseController(w)
	if r.Body == nil || r.Body == http.NoBody {
		_ = connection.SetReadDeadline(time.Time{})
		return
	}
	_ = connection.SetReadDeadline(start.Add(bodyWithin))
	r.Body = arriving{r.Body, func() { _ = connection.SetReadDeadline(time.Time{}) }}
}

// arriving is a body that says when all of it has come.
type arriving struct {
	io.ReadCloser
	came func()
}

func (b arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.came()
	}
	return n, err
}

// endSpan says in a trace what the log says, without what is about a person.
func (e *entry) endSpan(r *http.Request, status int) {
	if e.span == nil {
		return
	}
	e.span.Rename(strings.TrimSpace(method(r) + " " + e.route))
	e.span.Set("http.request.method", method(r))
	e.span.Set("http.route", e.route)
	e.span.Set("http.response.status_code", status)
	e.span.Set("watchword.request", e.id)
	if e.failure != nil {
		e.span.Set("error.type", string(e.failure.Code))
	}
	if status >= http.StatusInternalServerError {
		e.span.Fail()
	}
	e.span.End()
}

// requestID takes the id that a trusted proxy gave the request, so that its log
// and ours tell of the same thing, or makes one.
func (a *api) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 64 && !strings.ContainsFunc(id, notInID) &&
		within(parseAddress(r.RemoteAddr), a.TrustedProxies) {
		return id
	}
	var random [8]byte
	if _, err := io.ReadFull(a.Rand, random[:]); err != nil {
		panic(fmt.Sprintf("httpapi: no randomness: %v", err)) // crypto/rand never fails
	}
	return hex.EncodeToString(random[:])
}

func notInID(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

func (a *api) log(r *http.Request, e *entry, out *answer, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case out.status >= 500:
		level = slog.LevelError
	case e.quiet && out.status < 400:
		level = slog.LevelDebug
	}
	ctx, handler := context.WithoutCancel(r.Context()), a.Logger.Handler()
	if !handler.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, 10)
	attributes = append(attributes,
		slog.String("request", e.id),
		slog.String("method", method(r)),
		slog.String("route", e.route),
		slog.Int("status", out.status),
		slog.Duration("took", took),
		slog.String("from", e.address.String()),
	)
	if e.user != "" {
		attributes = append(attributes, slog.String("user", e.user))
	}
	if e.session != "" {
		attributes = append(attributes, slog.String("session", e.session))
	}
	if e.span != nil {
		attributes = append(attributes, slog.String("trace", e.span.Trace.String()))
	}
	if p := e.failure; p != nil {
		attributes = append(attributes, slog.String("code", string(p.Code)))
		if p.Status >= 500 && p.cause != nil {
			attributes = append(attributes, slog.Any("error", p.cause))
		}
	}
	line := slog.NewRecord(time.Now(), level, "request", 0) // the place in the code would say nothing
	line.AddAttrs(attributes...)
	_ = handler.Handle(ctx, line) // a log that cannot be written stops no request
}

// method is the request's method for the log: one of the usual ones, or "other".
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(body)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
