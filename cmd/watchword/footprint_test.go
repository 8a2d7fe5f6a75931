//go:build linux

package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What the server may take of a machine, of the binary that is shipped: this test
// binary, with its race detector, says nothing about that.
const (
	maxBinary  = 40 << 20 // bytes
	maxIdle    = 30 << 20 // resident, a moment after the start
	maxSignIns = 150 << 20
	aimStart   = 100 * time.Millisecond // to the first answer, on an idle machine
	maxStart   = 5 * time.Second        // on one that runs all other tests beside
)

func TestFootprint(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "watchword")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	judge(t, "binary", info.Size(), maxBinary)

	// The first start makes keys and tables; each is a first start.
	best := time.Hour
	for i := range 5 {
		start := time.Now()
		n := startNode(t, binary, filepath.Join(dir, "data"+strconv.Itoa(i)))
		a, err := call{method: "GET", path: "/healthz"}.do(t.Context(), newClient(t), n.url)
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("healthz: %v %v", a, err)
		}
		best = min(best, time.Since(start))
		n.kill()
	}
	t.Logf("first answer after %v (aim %v)", best.Round(time.Millisecond), aimStart)
	if best > maxStart {
		t.Errorf("the first answer came after %v, at most %v are allowed", best, maxStart)
	}

	n := startNode(t, binary, filepath.Join(dir, "data"), "--trusted-proxy", "127.0.0.1")
	client := newClient(t)
	judge(t, "resident when idle", resident(t, n, "VmRSS"), maxIdle)

	const many = 64
	password := rand.Text()
	for i := range many {
		mustCall(t, client, n, call{
			method: "POST", path: "/api/auth/signup", from: fmt.Sprintf("10.0.0.%d", i),
			body: map[string]string{"username": fmt.Sprintf("user%d", i), "email": fmt.Sprintf("user%d@example.org", i), "password": password},
		})
	}
	var all sync.WaitGroup
	var signedIn atomic.Int64
	start := time.Now()
	for i := range many {
		all.Go(func() {
			a, err := call{
				method: "POST", path: "/api/auth/signin", from: fmt.Sprintf("10.0.1.%d", i),
				body: map[string]string{"username": fmt.Sprintf("user%d", i), "password": password},
			}.do(t.Context(), client, n.url)
			switch {
			case err == nil && a.status == http.StatusOK:
				signedIn.Add(1)
			case err != nil || a.status != http.StatusServiceUnavailable: // it may be too busy, and say so
				t.Errorf("sign in: %v %v", a, err)
			}
		})
	}
	all.Wait()
	t.Logf("%d sign-ins at once, %d of them answered by 200, took %v", many, signedIn.Load(), time.Since(start).Round(time.Millisecond))
	if signedIn.Load() < many/2 {
		t.Errorf("%d of %d could sign in: nothing was measured", signedIn.Load(), many)
	}
	judge(t, "most resident with 64 sign-ins at once", resident(t, n, "VmHWM"), maxSignIns)
}

// judge compares a size with its limit.
func judge(t testing.TB, what string, size, limit int64) {
	t.Helper()
	t.Logf("%s: %.1f MiB (at most %d)", what, float64(size)/(1<<20), limit>>20)
	if size > limit {
		t.Errorf("%s is %d bytes, at most %d are allowed", what, size, limit)
	}
}

// resident reads a figure of the process's memory from /proc, in bytes.
func resident(t testing.TB, n *node, field string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("no %s in /proc", field)
	return 0
}
