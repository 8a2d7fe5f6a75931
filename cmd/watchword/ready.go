package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) ready() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask the server on this machine whether it is ready.",
		Long: `Ask the server on this machine whether it is ready to serve: its database
answers, its keys are there, and the revocations are fresh. The exit status says
it, for the health check of a container that has no other program.

It asks /readyz at the address that --listen, WATCHWORD_LISTEN and the file of
settings say, which are the server's.`,
		Example: `  watchword ready
  watchword ready --listen 127.0.0.1:9000`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), p.environ, p.dir)
			if err != nil {
				return err
			}
			if err := askReady(cmd.Context(), c.Listen); err != nil {
				return err
			}
			fmt.Fprintln(p.out, "ready")
			return nil
		},
	}
	register(cmd.Flags(), func(s setting) bool { return s.also == "ready" || s.name == "config" })
	return cmd
}

// readyWithin is longer than the server gives its own checks.
const readyWithin = 4 * time.Second

// askReady asks the server that serves an address.
func askReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+within(address)+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := new(http.Transport).RoundTrip(request) // of this machine: through no proxy
	if err != nil {
		return mend(fmt.Errorf("no server answers at %s", address), "start it, or say where it serves with --listen")
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var problem struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&problem); err != nil || problem.Detail == "" {
		return fmt.Errorf("what serves %s is not ready: it answered %s", address, answer.Status)
	}
	return mend(errors.New(problem.Detail), "its log says why")
}

// within is an address as one connects to it from this machine: where every
// address is served, the loopback is.
func within(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch ip, _ := netip.ParseAddr(host); {
	case host == "", ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
