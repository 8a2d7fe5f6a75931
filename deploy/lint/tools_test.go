package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// tool finds a program. One that is required must be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		servertest.Missing(t, name, "it is not installed")
	}
	return path
}

// TestTheUnitIsHardened lets systemd read the unit and say how exposed it is: 10 is
// a service that does nothing about it.
func TestTheUnitIsHardened(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze")
	text, err := os.ReadFile("../watchword.service")
	if err != nil {
		t.Fatal(err)
	}
	// systemd looks whether the binary is there.
	unit := filepath.Join(t.TempDir(), "watchword.service")
	installed := strings.Replace(string(text), "ExecStart=/usr/local/bin/watchword", "ExecStart=/bin/sh", 1)
	if err := os.WriteFile(unit, []byte(installed), 0o644); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("verify: %v\n%s", err, output)
	}
	output, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("security: %v\n%s", err, output)
	}
	found := regexp.MustCompile(`exposure level for .*: ([0-9.]+)`).FindSubmatch(output)
	if found == nil {
		t.Fatalf("systemd-analyze says\n%s", output)
	}
	exposure, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil || exposure > 1.5 {
		t.Errorf("its exposure is %s, want at most 1.5 (%v)\n%s", found[1], err, output)
	}
	if line := regexp.MustCompile(`(?m)^ExecStart=.*$`).FindString(string(text)); strings.Contains(line, "://") || strings.Contains(line, "$") {
		t.Errorf("the command line may have a secret: %s", line)
	}
}

func TestCaddyReadsItsFile(t *testing.T) {
	t.Parallel()
	caddy := tool(t, "caddy")
	cmd := exec.CommandContext(t.Context(), caddy, "validate", "--adapter", "caddyfile", "--config", "../Caddyfile")
	cmd.Env = append(os.Environ(), "DOMAIN=id.example.org", "HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir())
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
