package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
)

// metricsDoor is where the metrics are served: never where the public comes in.
// The zero value serves nothing.
type metricsDoor struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// openMetrics takes the address, so that a wrong one is told before anything is
// made. "" is none.
func openMetrics(ctx context.Context, address string) (*metricsDoor, error) {
	if address == "" {
		return &metricsDoor{}, nil
	}
	listener, err := listen(ctx, "metrics-listen", address)
	if err != nil {
		return nil, err
	}
	return &metricsDoor{listener: listener, done: make(chan struct{})}, nil
}

// serve begins to answer, until close.
func (d *metricsDoor) serve(metrics http.Handler, logger *slog.Logger) {
	if d.listener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	d.server = newServer(mux, logger)
	logger.Info("serving the metrics to everybody who reaches them", "address", addressOf(d.listener)+"/metrics")
	go func() {
		defer close(d.done)
		if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the metrics are served no more", "error", err)
		}
	}()
}

// close ends it at once: a scrape that is cut off is made again.
func (d *metricsDoor) close() error {
	switch {
	case d.listener == nil:
		return nil
	case d.server == nil:
		return d.listener.Close()
	}
	err := d.server.Close()
	<-d.done
	if err != nil {
		return fmt.Errorf("stop serving the metrics: %w", err)
	}
	return nil
}
