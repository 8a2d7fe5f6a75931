package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// newServer bounds what a client may take of the server's time and memory. Feeds
// that stay open lift the write timeout for themselves.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// How long a server that is to stop goes on taking requests: until none has come
// for lull, at most lingering. A request that a client sent before it could know
// may lie in a socket that has not been read yet, or on a connection that has
// not been accepted; http.Server.Shutdown would drop both.
const (
	lull      = 250 * time.Millisecond
	lingering = 3 * time.Second
)

// serveHTTP serves until the context ends, then takes what is under way already,
// and lets all requests finish for at most drain.
func serveHTTP(ctx context.Context, server *http.Server, listener net.Listener, drain time.Duration, logger *slog.Logger) error {
	var stirred atomic.Int64 // when a request last came, or a connection
	var leaving atomic.Bool  // clients are told to come back on another connection
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew || state == http.StateActive {
			stirred.Store(time.Now().UnixNano())
		}
	}
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	logger.Info("stopping; requests in flight may finish", "within", drain.String())
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()

	began := time.Now()
	leaving.Store(true)
	look := time.NewTicker(lull / 10)
	defer look.Stop()
	for quiet := began; time.Since(quiet) < lull && time.Since(began) < lingering && bounded.Err() == nil; {
		select {
		case <-look.C:
		case <-bounded.Done():
		}
		if last := time.Unix(0, stirred.Load()); last.After(quiet) {
			quiet = last
		}
	}
	if err := server.Shutdown(bounded); err != nil {
		server.Close()
		return mend(fmt.Errorf("some requests were still being answered after %s and were cut off", drain),
			"give them more time with --drain")
	}
	return nil
}
