package servertest

import (
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Address is where a server is, by a variable of the environment. Without one the
// test ends as Missing has it.
func Address(t testing.TB, server, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		Missing(t, server, variable+" does not say where it is")
	}
	return address
}

// Missing ends a test whose server is not there. It is skipped, unless
// WATCHWORD_TEST_REQUIRE, a list with commas, names the server.
func Missing(t testing.TB, server, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), server) {
		t.Fatalf("%s is required, and %s", server, why)
	}
	t.Skipf("SKIPPED: %s is not tested, since %s", server, why)
}

// FreePort is a port of 127.0.0.1 on which nobody listens. It is below those that
// the kernel gives to clients, so that none of our own connections takes it in
// between.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(10000))
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}
