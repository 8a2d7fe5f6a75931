package throttle

import "net/netip"

// AddressKey is the key of whoever is behind an IP address. An IPv6 subscriber
// has a /64 to choose addresses from, so all of it is one key; an IPv4 address
// in an IPv6 coat is the IPv4 address. What is no address is one key for all of
// its like.
func AddressKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return network.String()
}
