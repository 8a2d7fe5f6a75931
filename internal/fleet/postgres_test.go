//go:build linux

package fleet

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// postgres is a PostgreSQL server with a data folder of its own.
type postgres struct {
	t        testing.TB
	data     string
	port     int
	secret   string
	settings []string // NAME=VALUE

	mu     sync.Mutex
	cmd    *exec.Cmd
	waited func() error
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
	switch {
	case len(folders) > 0:
	case slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), "postgres"):
		t.Fatal("postgres is required, and not installed")
	default:
		t.Skip("SKIPPED: no node or database is killed, since PostgreSQL is not installed")
	}
	return folders[0]
}

// unprivileged is how a server runs that refuses to be root's.
func unprivileged(t testing.TB) *syscall.SysProcAttr {
	t.Helper()
	attr := mortal()
	if os.Getuid() != 0 {
		return attr
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr
}

// freePort is a port below those that the kernel gives to clients, so that none of
// our own connections takes it in between.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + mrand.IntN(10000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
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
	p.own(file)
	p.execute(nil, "initdb", "-D", p.data, "-U", "watchword", "-A", "scram-sha-256", "--pwfile="+file, "-E", "UTF8", "--locale=C", "--no-sync")
	p.start()
	return p
}

// unborn is a server without data.
func unborn(t testing.TB, secret string, settings ...string) *postgres {
	t.Helper()
	programs(t)
	data, err := os.MkdirTemp(home, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	p := &postgres{t: t, data: data, port: freePort(t), secret: secret, settings: settings}
	p.own(data)
	t.Cleanup(func() {
		p.kill()
		if err := os.RemoveAll(data); err != nil {
			t.Error(err)
		}
	})
	return p
}

// own gives a file to the user of the server.
func (p *postgres) own(path string) {
	p.t.Helper()
	if owner := unprivileged(p.t).Credential; owner != nil {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// execute runs one of PostgreSQL's programs to its end, as the user of the server.
func (p *postgres) execute(environ []string, name string, args ...string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(programs(p.t), name), args...)
	cmd.Dir, cmd.SysProcAttr = "/", unprivileged(p.t)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	if output, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", name, err, output)
	}
}

// start starts the server and waits until it answers.
func (p *postgres) start() {
	p.t.Helper()
	args := []string{
		"-D", p.data, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "shared_buffers=32MB", "-c", "max_connections=100",
	}
	for _, s := range p.settings {
		args = append(args, "-c", s)
	}
	log := new(notes)
	// What a dead server left behind may be in the way for a moment.
	eventually(p.t, time.Minute, "PostgreSQL starts", func() error {
		cmd := exec.Command(filepath.Join(programs(p.t), "postgres"), args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = "/", unprivileged(p.t), []string{"PATH=" + os.Getenv("PATH")}
		cmd.Stdout, cmd.Stderr = log, log
		// Its children write to the same pipe: who waits for them waits for ever.
		cmd.WaitDelay = time.Second
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		waited := sync.OnceValue(cmd.Wait)
		go func() { ended <- waited() }()
		p.mu.Lock()
		p.cmd, p.waited = cmd, waited
		p.mu.Unlock()
		for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(20 * time.Millisecond) {
			if err := p.ping(); err == nil {
				return nil
			}
			select {
			case err := <-ended:
				return fmt.Errorf("%w\n%s", err, log.tail())
			default:
			}
		}
		return fmt.Errorf("it does not answer:\n%s", log.tail())
	})
}

func (p *postgres) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", p.address(""))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// kill kills the postmaster and all its children, at once.
func (p *postgres) kill() {
	p.mu.Lock()
	cmd, waited := p.cmd, p.waited
	p.cmd = nil
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGSTOP) // it makes no more children; this fails if it has ended
	children := childrenOf(cmd.Process.Pid)
	for _, child := range children {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = cmd.Process.Kill()
	_ = waited()
	for start := time.Now(); time.Since(start) < time.Second && slices.ContainsFunc(children, lives); {
		time.Sleep(time.Millisecond) // killed, and not gone yet
	}
}

// lives reports whether there is a process.
func lives(pid int) bool { return syscall.Kill(pid, 0) == nil }

// childrenOf is the processes that a process has started.
func childrenOf(parent int) (children []int) {
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range processes {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid …: a name may hold anything, but the last bracket ends it.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			children = append(children, pid)
		}
	}
	return children
}

// host is where the server listens.
func (p *postgres) host() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

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
	p.execute([]string{"PGPASSWORD=" + p.secret}, "pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port),
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
		replica.own(path)
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
