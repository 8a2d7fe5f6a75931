//go:build linux

package fleet

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// postgres is a PostgreSQL server with a data folder of its own.
type postgres struct {
	*daemon
	data   string
	port   string
	secret string
}

// programs is the folder of PostgreSQL's programs. Without one the test is
// skipped, unless WATCHWORD_TEST_REQUIRE names it.
func programs(t testing.TB) string {
	t.Helper()
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		t.Fatal(err)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	if len(folders) == 0 {
		servertest.Missing(t, "postgres", "it is not installed")
	}
	return folders[0]
}

// newPostgres makes a server and starts it.
func newPostgres(t testing.TB, settings ...string) *postgres {
	t.Helper()
	p := unborn(t, rand.Text(), settings...)
	file := p.data + ".password"
	if err := os.WriteFile(file, []byte(p.secret), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	own(t, file)
	p.execute(nil, "initdb", "-D", p.data, "-U", "watchword", "-A", "scram-sha-256", "--pwfile="+file, "-E", "UTF8", "--locale=C", "--no-sync")
	p.start()
	return p
}

// unborn is a server without data. Its settings are NAME=VALUE.
func unborn(t testing.TB, secret string, settings ...string) *postgres {
	t.Helper()
	path := filepath.Join(programs(t), "postgres")
	p := &postgres{data: newFolder(t, "postgres"), port: servertest.FreePort(t), secret: secret}
	args := []string{
		"-D", p.data, "-p", p.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "shared_buffers=32MB", "-c", "max_connections=100",
	}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	p.daemon = &daemon{t: t, name: "PostgreSQL", command: func() *exec.Cmd { return asServer(t, path, args...) }, ping: func() error { return ping("pgx", p.address("")) }}
	t.Cleanup(p.kill)
	return p
}

// execute runs one of PostgreSQL's programs to its end, as the user of the server.
func (p *postgres) execute(environ []string, name string, args ...string) {
	p.t.Helper()
	cmd := asServer(p.t, filepath.Join(programs(p.t), name), args...)
	cmd.Env = append(cmd.Env, environ...)
	execute(p.t, cmd)
}

// ping asks whether a database answers.
func ping(driver, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	db, err := sql.Open(driver, address)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

func (p *postgres) environ() []string { return []string{"WATCHWORD_DATABASE=" + p.address("")} }

// host is where the server listens.
func (p *postgres) host() string { return "127.0.0.1:" + p.port }

// address is the database's, with parameters such as "target_session_attrs=read-write".
func (p *postgres) address(query string) string { return p.through(p.host(), query) }

// through is its address by way of other hosts, one or more.
func (p *postgres) through(hosts, query string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("watchword", p.secret), Path: "/postgres", RawQuery: "sslmode=disable"}
	if query != "" {
		u.RawQuery += "&" + query
	}
	return strings.Replace(u.String(), "@/", "@"+hosts+"/", 1)
}

// ask executes a query whose answer is one value.
func ask[T any](t testing.TB, p *postgres, query string, args ...any) (value T) {
	t.Helper()
	value, err := tryAsk[T](p, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func tryAsk[T any](p *postgres, query string, args ...any) (value T, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", p.address(""))
	if err != nil {
		return value, err
	}
	defer db.Close()
	return value, db.QueryRowContext(ctx, query, args...).Scan(&value)
}

// command executes statements, each on its own.
func (p *postgres) command(statements ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", p.address(""))
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			p.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// newReplica makes a replica that follows the server by way of a host, under a name,
// and starts it.
func (p *postgres) newReplica(host, name string, settings ...string) *postgres {
	p.t.Helper()
	replica := unborn(p.t, p.secret, settings...)
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		p.t.Fatal(err)
	}
	p.execute([]string{"PGPASSWORD=" + p.secret}, "pg_basebackup", "-h", "127.0.0.1", "-p", p.port,
		"-U", "watchword", "-D", replica.data, "--checkpoint=fast", "--no-sync", "-X", "stream")
	for file, line := range map[string]string{
		"standby.signal": "",
		"postgresql.auto.conf": fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%s user=watchword password=%s application_name=%s sslmode=disable'\n",
			port, p.secret, name),
	} {
		path := filepath.Join(replica.data, file)
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			p.t.Fatal(err)
		}
		own(p.t, path)
	}
	replica.start()
	eventually(p.t, time.Minute, "the replica follows", func() error {
		n, err := tryAsk[int](p, `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'`)
		if err == nil && n == 0 {
			err = errors.New("nobody follows")
		}
		return err
	})
	return replica
}

// promote makes the replica a primary and waits until it takes writes.
func (p *postgres) promote() {
	p.t.Helper()
	if !ask[bool](p.t, p, `SELECT pg_promote(true, 60)`) {
		p.t.Fatal("the replica is not promoted")
	}
}

// eventually waits until something holds, and fails the test if it takes too long. It
// ends its goroutine if the test ends first.
func eventually(t testing.TB, within time.Duration, what string, holds func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := holds()
		if err == nil {
			return time.Since(start)
		}
		if t.Context().Err() != nil {
			runtime.Goexit()
		}
		if time.Since(start) > within {
			t.Fatalf("after %s it is not so that %s: %v", within, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
