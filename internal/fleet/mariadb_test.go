//go:build linux

package fleet

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// mariadb is a MariaDB server with a data folder of its own.
type mariadb struct {
	*daemon
	port   string
	secret string
}

// newMariaDB makes a server and starts it.
func newMariaDB(t testing.TB) *mariadb {
	t.Helper()
	path, install := "/usr/sbin/mariadbd", "mariadb-install-db"
	for _, program := range []*string{&path, &install} {
		found, err := exec.LookPath(*program)
		if err != nil {
			found, err = exec.LookPath(filepath.Base(*program))
		}
		if err != nil {
			servertest.Missing(t, "mysql", "it is not installed")
		}
		*program = found
	}
	folder := newFolder(t, "mariadb")
	data, temporary, first := filepath.Join(folder, "data"), "TMPDIR="+folder, filepath.Join(folder, "first.sql")
	birth := asServer(t, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	birth.Env = append(birth.Env, temporary)
	execute(t, birth)
	m := &mariadb{port: servertest.FreePort(t), secret: rand.Text()}
	// It reads this at each start.
	if err := os.WriteFile(first, fmt.Appendf(nil, `CREATE DATABASE IF NOT EXISTS watchword;
CREATE USER IF NOT EXISTS watchword@'127.0.0.1' IDENTIFIED BY '%s';
GRANT ALL PRIVILEGES ON watchword.* TO watchword@'127.0.0.1';
`, m.secret), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, first)
	m.daemon = &daemon{
		t: t, name: "MariaDB",
		command: func() *exec.Cmd {
			cmd := asServer(t, path, "--no-defaults", "--datadir="+data, "--port="+m.port, "--bind-address=127.0.0.1",
				"--socket="+filepath.Join(folder, "socket"), "--pid-file="+filepath.Join(folder, "pid"), "--init-file="+first, "--character-set-server=utf8mb4")
			cmd.Env = append(cmd.Env, temporary)
			return cmd
		},
		ping: func() error {
			return ping("mysql", fmt.Sprintf("watchword:%s@tcp(127.0.0.1:%s)/watchword", m.secret, m.port))
		},
	}
	t.Cleanup(m.kill)
	m.start()
	return m
}

func (m *mariadb) environ() []string {
	return []string{fmt.Sprintf("WATCHWORD_DATABASE=mysql://watchword:%s@127.0.0.1:%s/watchword", m.secret, m.port)}
}
