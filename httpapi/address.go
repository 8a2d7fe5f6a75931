package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/watchwordauth/watchword/session"
)

// clientAddress is where a request came from: the address of the connection, or,
// if that is a trusted proxy's, the last address in X-Forwarded-For that is not
// one. A client can write what it likes into that header; only what a trusted
// proxy added behind it counts. The zero Addr: not known.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer := parseAddress(r.RemoteAddr)
	if !within(peer, trusted) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client := peer
	for _, hop := range slices.Backward(hops) {
		address := parseAddress(strings.TrimSpace(hop))
		if !address.IsValid() {
			return client // nothing before it can be believed
		}
		client = address
		if !within(address, trusted) {
			return client
		}
	}
	return client
}

// parseAddress reads an address with or without a port, brackets or a zone.
func parseAddress(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

func within(address netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// origin is what a session and an event keep of where a request came from.
func (a *api) origin(r *http.Request) session.Origin {
	agent := r.UserAgent()
	if len(agent) > 256 {
		agent = agent[:256]
	}
	from := session.Origin{UserAgent: strings.ToValidUTF8(agent, "")}
	if address := entryOf(r).address; address.IsValid() {
		from.IP = address.String()
	}
	return from
}
