package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// listen binds the address that a setting names, and says what to do where it cannot.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
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
		return nil, mend(err, "ports below 1024 belong to the system: choose a higher one with --%s, behind a proxy", setting)
	case errors.Is(cause, syscall.EADDRINUSE):
		return nil, mend(err, "another program serves there: stop it, or choose another port with --%s 127.0.0.1:8081", setting)
	}
	return nil, mend(err, "choose an address of this machine with --%s", setting)
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
