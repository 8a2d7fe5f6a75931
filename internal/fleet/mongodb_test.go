//go:build linux

package fleet

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// mongodb is the stand-in for a MongoDB server: FerretDB with a data folder of its
// own, which lets one command through at a time (store/mongostore/ferretdb).
type mongodb struct {
	*daemon
	port string
}

// standIn is the path of its program, which is built once. It is of a module beside
// this one, since it is large.
var standIn = sync.OnceValues(func() (string, error) {
	path := filepath.Join(home, "ferretdb")
	build := exec.Command("go", "build", "-o", path, "./server")
	build.Dir = filepath.Join("..", "..", "store", "mongostore", "ferretdb")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build FerretDB: %w\n%s", err, output)
	}
	return path, nil
})

// newMongoDB makes a server and starts it.
func newMongoDB(t testing.TB) *mongodb {
	t.Helper()
	path, err := standIn()
	if err != nil {
		t.Fatal(err)
	}
	m := &mongodb{port: servertest.FreePort(t)}
	folder, host := newFolder(t, "mongodb"), "127.0.0.1:"+m.port
	m.daemon = &daemon{
		t: t, name: "FerretDB",
		command: func() *exec.Cmd {
			cmd := asServer(t, path, "-relay", folder, host)
			cmd.Env = append(cmd.Env, "GOMAXPROCS=2")
			_, _ = cmd.StdinPipe() // it ends when that does
			return cmd
		},
		ping: func() error {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	}
	t.Cleanup(m.kill)
	m.start()
	return m
}

func (m *mongodb) environ() []string {
	return []string{fmt.Sprintf("WATCHWORD_DATABASE=mongodb://127.0.0.1:%s/watchword?maxPoolSize=%d", m.port, poolLimit-2)} // two listen how the server is
}
