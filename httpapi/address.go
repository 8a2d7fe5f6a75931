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

// adviseOfProxy says once that a proxy in front is not trusted: all its clients have
// one address then, and one of them who fails again and again spends what all may.
// A stranger can send the header as well; so it is believed of neighbours alone, and
// does nothing but write a line.
func (a *api) adviseOfProxy(r *http.Request) {
	if r.Header.Get("X-Forwarded-For") == "" || a.advised.Load() {
		return
	}
	peer := parseAddress(r.RemoteAddr)
	if !peer.IsLoopback() && !peer.IsPrivate() || within(peer, a.TrustedProxies) {
		return
	}
	if a.advised.CompareAndSwap(false, true) {
		a.Logger.Warn("a proxy seems to be in front, and is not trusted: all its clients count as one, and wait for one another after too many failures; name it as trusted-proxy", "address", peer.String())
	}
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
