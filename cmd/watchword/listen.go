package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// listen binds the address, and says what to do where it cannot.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		return listener, nil
	}
	cause := err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		cause = op.Err
	}
	err = fmt.Errorf("%s cannot be served: %w", address, cause)
	switch {
	case errors.Is(cause, fs.ErrPermission):
		return nil, mend(err, "ports below 1024 belong to the system: choose a higher one with --listen, behind a proxy")
	case errors.Is(cause, syscall.EADDRINUSE):
		return nil, mend(err, "another program serves there: stop it, or choose another port with --listen 127.0.0.1:8081")
	}
	return nil, mend(err, "choose an address of this machine with --listen")
}

// address is the URL under which a client on this machine reaches the listener.
func addressOf(listener net.Listener) string {
	bound, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return "http://" + listener.Addr().String()
	}
	host := bound.Addr().Unmap()
	if host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return "http://" + netip.AddrPortFrom(host, bound.Port()).String()
}

// issuerOf is the issuer of a server that was told none: of this machine alone
// the name that people type, otherwise its address.
func issuerOf(listener net.Listener) string {
	bound, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil || !bound.Addr().IsLoopback() && !bound.Addr().IsUnspecified() {
		return addressOf(listener)
	}
	return "http://localhost:" + strconv.Itoa(int(bound.Port()))
}

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

// serveHTTP serves until the context ends, then lets the requests in flight
// finish for at most drain.
func serveHTTP(ctx context.Context, server *http.Server, listener net.Listener, drain time.Duration, logger *slog.Logger) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	logger.Info("stopping; requests in flight may finish", "within", drain)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		server.Close()
		return mend(fmt.Errorf("some requests were still being answered after %s and were cut off", drain),
			"give them more time with --drain")
	}
	return nil
}

// writePortFile tells whoever started the server where it serves. The file
// appears whole.
func writePortFile(path, address string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err == nil {
		_, err = temporary.WriteString(address + "\n")
		err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
		if err == nil {
			err = os.Rename(temporary.Name(), path)
		}
		if err != nil {
			os.Remove(temporary.Name())
		}
	}
	if err != nil {
		return mend(fmt.Errorf("write the port file: %w", err), "name a file in a folder that this user can write to with --port-file")
	}
	return nil
}
