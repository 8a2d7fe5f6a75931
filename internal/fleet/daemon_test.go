//go:build linux

package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/nodetest"
)

// server is what nodes keep their things in, and what is killed.
type server interface {
	environ() []string // tells nodes where it is
	kill()
	start()
	tryStart() error
}

// daemon is a server in a process of its own, with a folder that outlives it: it
// is killed and started again.
type daemon struct {
	t       testing.TB
	name    string
	command func() *exec.Cmd // starts it
	ping    func() error     // asks whether it serves

	mu     sync.Mutex
	cmd    *exec.Cmd
	waited func() error
}

// newFolder makes a folder that belongs to the user of the servers.
func newFolder(t testing.TB, name string) string {
	t.Helper()
	folder, err := os.MkdirTemp(home, name)
	if err != nil {
		t.Fatal(err)
	}
	own(t, folder)
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// own gives a file to the user of the servers.
func own(t testing.TB, path string) {
	t.Helper()
	if owner := unprivileged(t).Credential; owner != nil {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// asServer runs a program as the user of the servers.
func asServer(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = "/", unprivileged(t), []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

// execute runs a program to its end.
func execute(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, output)
	}
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

// start starts the server and waits until it answers.
func (d *daemon) start() {
	d.t.Helper()
	if err := d.tryStart(); err != nil {
		d.t.Fatal(err)
	}
}

// tryStart does so for a minute: what a dead server left behind may be in the way for
// a moment.
func (d *daemon) tryStart() (err error) {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if err = d.once(); err == nil || d.t.Context().Err() != nil {
			break
		}
	}
	if err != nil {
		err = fmt.Errorf("%s does not start: %w", d.name, err)
	}
	return err
}

func (d *daemon) once() error {
	log := new(nodetest.Log)
	cmd := d.command()
	cmd.Stdout, cmd.Stderr = log, log
	// Its children write to the same pipe: who waits for them waits for ever.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	waited := sync.OnceValue(cmd.Wait)
	go func() { ended <- waited() }()
	d.mu.Lock()
	d.cmd, d.waited = cmd, waited
	d.mu.Unlock()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if err := d.ping(); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended: %w\n%s", err, log.Tail())
		default:
		}
	}
	d.kill()
	return fmt.Errorf("it does not answer:\n%s", log.Tail())
}

// kill kills the process and all its children, at once.
func (d *daemon) kill() {
	d.mu.Lock()
	cmd, waited := d.cmd, d.waited
	d.cmd = nil
	d.mu.Unlock()
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
