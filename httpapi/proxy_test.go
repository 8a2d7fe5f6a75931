package httpapi_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword"
)

// Behind a proxy that nobody named all clients have one address, and share what one of
// them spends.
func TestAProxyThatIsNotTrustedIsToldOnce(t *testing.T) {
	t.Parallel()
	const told = "a proxy seems to be in front"
	forwarded := header("X-Forwarded-For", "192.0.2.7")

	a := start(t)
	a.get("/healthz").want(200)
	if strings.Contains(a.log.String(), told) {
		t.Error("it is told although there is none")
	}
	for range 3 {
		a.get("/healthz", forwarded).want(200)
	}
	if n := strings.Count(a.log.String(), told); n != 1 {
		t.Errorf("it is told %d times", n)
	}

	trusting := start(t, func(c *watchword.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	})
	trusting.get("/healthz", forwarded).want(200)
	if strings.Contains(trusting.log.String(), told) {
		t.Error("it is told although the proxy is trusted")
	}
}
