//go:build linux

package fleet

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// redis is a Redis server with a folder of its own, which is killed and started again.
type redis struct {
	t       testing.TB
	program string
	config  string
	port    int
	secret  string
	cmd     *exec.Cmd
}

// newRedis starts a server that has every change on the disk before it answers.
func newRedis(t testing.TB) *redis {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	switch {
	case err == nil:
	case slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), "redis"):
		t.Fatal("redis is required, and not installed")
	default:
		t.Skip("SKIPPED: no node with sessions in Redis is killed, since Redis is not installed")
	}
	folder := t.TempDir()
	r := &redis{t: t, program: program, config: filepath.Join(folder, "redis.conf"), port: freePort(t), secret: rand.Text()}
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsave \"\"\nappendonly yes\nappendfsync always\nrequirepass %s\n", r.port, folder, r.secret)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return r
}

// start starts the server and waits until it listens.
func (r *redis) start() error {
	log := new(notes)
	r.cmd = exec.Command(r.program, r.config)
	r.cmd.SysProcAttr, r.cmd.Stdout, r.cmd.Stderr = mortal(), log, log
	if err := r.cmd.Start(); err != nil {
		return err
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err == nil {
			return conn.Close()
		}
		if time.Since(start) > time.Minute {
			return fmt.Errorf("%w\n%s", err, log.tail())
		}
	}
}

func (r *redis) kill() {
	_ = r.cmd.Process.Kill() // fails if it has ended
	_ = r.cmd.Wait()
}

// dies kills the server and starts it again.
func (r *redis) dies() error {
	r.kill()
	return r.start()
}

// address is what nodes are given.
func (r *redis) address() string {
	return fmt.Sprintf("redis://default:%s@127.0.0.1:%d/0", r.secret, r.port)
}
