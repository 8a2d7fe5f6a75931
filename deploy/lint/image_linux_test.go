package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runImage runs the binary of an image as a container would.
func runImage(t *testing.T, image string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("SKIPPED in part: only root can run the image's binary with nothing else in its file system")
		return
	}
	const nobody = 65532
	data := filepath.Join(image, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	// t.TempDir is closed to others, a container's root is not; nobody may write to it.
	for folder := image; strings.HasPrefix(folder, os.TempDir()) && folder != os.TempDir(); folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	contained := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "/watchword", args...)
		cmd.Path = "/watchword"
		cmd.Err = nil // it is looked for outside, and is inside
		cmd.Dir = "/data"
		cmd.Env = []string{"WATCHWORD_DATA=/data", "WATCHWORD_LISTEN=127.0.0.1:0", "WATCHWORD_PORT_FILE=/data/address", "PATH=/"}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot: image, Credential: &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: false},
			Pdeathsig: syscall.SIGKILL,
		}
		return cmd
	}
	var log buffer
	server := contained("serve")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	address := ""
	for deadline := time.Now().Add(30 * time.Second); address == "" && time.Now().Before(deadline); {
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		text, _ := os.ReadFile(filepath.Join(data, "address"))
		address = strings.TrimSpace(strings.TrimPrefix(string(text), "http://"))
	}
	ready := contained("ready", "--listen", address)
	ready.Env = nil
	if output, err := ready.CombinedOutput(); err != nil || string(output) != "ready\n" {
		t.Errorf("the health check says %v: %s", err, output)
	}
	if output, err := contained("version").CombinedOutput(); err != nil || !strings.Contains(string(output), "v1.2.3") {
		t.Errorf("the version is %q (%v)", output, err)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("at SIGTERM the server ended with %v:\n%s", err, log.String())
	}
}
