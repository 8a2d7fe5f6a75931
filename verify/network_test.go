package verify_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

// network carries requests to an issuer in memory, so that a test can play with
// time and with what happens on the way. It is a RoundTripper.
type network struct {
	issuer *verifytest.Issuer

	mu    sync.Mutex
	seen  []string // the path of each request; with " (stream)" for an event stream
	fault func(http.ResponseWriter, *http.Request) (handled bool)
}

var errCut = errors.New("the line is cut")

// world is an issuer at the far end of a network.
func world(t testing.TB) (*network, *verifytest.Issuer) {
	t.Helper()
	i := verifytest.NewIssuer(issuer)
	return &network{issuer: i}, i
}

// verifier makes one that reaches its issuer through the network.
func (n *network) verifier(t testing.TB, options ...verify.Option) *verify.Verifier {
	t.Helper()
	v, err := n.newVerifier(t, options...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (n *network) newVerifier(t testing.TB, options ...verify.Option) (*verify.Verifier, error) {
	t.Helper()
	options = append([]verify.Option{verify.WithHTTPClient(&http.Client{Transport: n}), verify.WithLogger(quiet)}, options...)
	v, err := verify.New(t.Context(), issuer, verifytest.Audience, options...)
	if err == nil {
		t.Cleanup(func() { _ = v.Close() })
	}
	return v, err
}

// breakWith sets what happens on the way; nil mends it. Streams that flow are not
// touched.
func (n *network) breakWith(fault func(http.ResponseWriter, *http.Request) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = fault
}

// requests counts the requests for a path.
func (n *network) requests(path string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(n.seen), func(seen string) bool { return seen != path }))
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	path := r.URL.Path
	if r.Header.Get("Accept") == "text/event-stream" {
		path += " (stream)"
	}
	n.seen = append(n.seen, path)
	fault := n.fault
	n.mu.Unlock()

	ctx, cancel := context.WithCancel(r.Context())
	reader, writer := io.Pipe()
	context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	w := &answer{header: http.Header{}, body: writer, begun: make(chan struct{})}
	go func() {
		defer cancel()
		defer writer.Close()
		defer w.WriteHeader(http.StatusOK)
		if fault == nil || !fault(w, r.WithContext(ctx)) {
			n.issuer.ServeHTTP(w, r.WithContext(ctx))
		}
	}()
	select {
	case <-w.begun:
	case <-ctx.Done():
		<-w.begun
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
	}
	if w.status == statusCut {
		reader.Close()
		return nil, errCut
	}
	return &http.Response{
		StatusCode: w.status, Header: w.sent, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: &body{reader, cancel},
	}, nil
}

// statusCut makes the network fail instead of answering.
const statusCut = 999

// cut is the fault of a dead line.
func cut(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(statusCut)
	return true
}

// cutPath is that fault for one path.
func cutPath(path string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == path && cut(w, r) }
}

// answer is a ResponseWriter that streams.
type answer struct {
	header, sent http.Header
	body         *io.PipeWriter
	once         sync.Once
	begun        chan struct{}
	status       int
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

func (a *answer) Write(text []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(text)
}

// Flush implements http.Flusher: nothing is held back.
func (a *answer) Flush() {}

// body ends the exchange when it is closed.
type body struct {
	io.Reader
	cancel context.CancelFunc
}

func (b *body) Close() error {
	b.cancel()
	return b.Reader.(io.Closer).Close()
}
