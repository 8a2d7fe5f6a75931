package servertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Redis is a Redis that a test stops, kills and starts again.
type Redis struct {
	Port   string
	Folder string // of its data, which outlives it

	settings []string
	cmd      *exec.Cmd
}

// StartRedis starts a Redis of the test's own, on a free port, with settings as its
// command line has them. It is killed when the test ends. Where the program is not
// installed the test ends as Missing has it.
func StartRedis(t testing.TB, settings ...string) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		Missing(t, "redis", "it is not installed")
	}
	r := &Redis{Port: FreePort(t), Folder: t.TempDir(), settings: settings}
	t.Cleanup(r.Kill)
	r.Start(t)
	return r
}

// Start starts it, and waits until it has read its data.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	// A file: its children would hold a pipe open when it is dead.
	log, err := os.OpenFile(filepath.Join(r.Folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r.cmd = exec.Command("redis-server", append([]string{"--port", r.Port, "--bind", "127.0.0.1", "--dir", r.Folder, "--save", ""}, r.settings...)...)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if answer := r.Ask("PING"); answer != "" && !strings.HasPrefix(answer, "LOADING") {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	content, _ := os.ReadFile(log.Name())
	t.Fatalf("Redis did not start:\n%s", content)
}

// Ask sends one command and returns the first line of the answer, "" if there is none.
func (r *Redis) Ask(words ...string) string {
	conn, err := net.DialTimeout("tcp", r.Host(), time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // a connection has deadlines
	fmt.Fprintf(conn, "%s\r\n", strings.Join(words, " "))
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(buffer[:n]), "\r\n")
	return strings.TrimLeft(line, "+-:$")
}

// Kill ends the process as a power cut would: it can do nothing more.
func (r *Redis) Kill() {
	if r.cmd == nil || r.cmd.Process == nil {
		return // it never started
	}
	_ = r.cmd.Process.Kill() // fails if it has ended
	_ = r.cmd.Wait()
}

// Signal sends a signal to the process, such as one that has it stand still.
func (r *Redis) Signal(s os.Signal) error { return r.cmd.Process.Signal(s) }

// Host is where it listens, and Address is so for who needs no password.
func (r *Redis) Host() string    { return "127.0.0.1:" + r.Port }
func (r *Redis) Address() string { return "redis://" + r.Host() }
