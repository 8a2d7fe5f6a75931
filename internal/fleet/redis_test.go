//go:build linux

package fleet

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// redis is a Redis server with a folder of its own, which keeps sessions. Their users
// are in PostgreSQL.
type redis struct {
	*daemon
	users       *postgres
	folder      string
	port        string
	secret      string
	appendfsync string
}

// newRedis starts a server that has its changes on the disk when appendfsync says so:
// always, before it answers; everysec, each second.
func newRedis(t testing.TB, appendfsync string) *redis {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		servertest.Missing(t, "redis", "it is not installed")
	}
	r := &redis{users: newPostgres(t), folder: newFolder(t, "redis"), port: servertest.FreePort(t), secret: rand.Text(), appendfsync: appendfsync}
	config, host := filepath.Join(r.folder, "redis.conf"), "127.0.0.1:"+r.port
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsave \"\"\nappendonly yes\nappendfsync %s\nrequirepass %s\n", r.port, r.folder, r.appendfsync, r.secret)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, config)
	r.daemon = &daemon{
		t: t, name: "Redis",
		command: func() *exec.Cmd { return asServer(t, path, config) },
		ping: func() error {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	}
	t.Cleanup(r.daemon.kill)
	r.start()
	return r
}

func (r *redis) environ() []string {
	return append(r.users.environ(), fmt.Sprintf("WATCHWORD_SESSIONS=redis://default:%s@127.0.0.1:%s/0", r.secret, r.port))
}

// kill takes the power from the machine. With everysec the last second of what Redis
// acknowledged is not on the disk for sure: it goes too, as it would not if the
// process alone were killed.
func (r *redis) kill() {
	if r.appendfsync != "everysec" {
		r.daemon.kill()
		return
	}
	files, err := filepath.Glob(filepath.Join(r.folder, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		r.t.Errorf("Redis has %d append-only files, %v", len(files), err)
	}
	size := func() int64 {
		info, err := os.Stat(files[0])
		if err != nil {
			r.t.Error(err)
			return 0
		}
		return info.Size()
	}
	synced := size()
	time.Sleep(time.Second)
	r.daemon.kill()
	r.t.Logf("Redis loses %d bytes", size()-synced)
	if err := os.Truncate(files[0], synced); err != nil {
		r.t.Error(err)
	}
}
