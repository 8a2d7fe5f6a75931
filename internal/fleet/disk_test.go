//go:build linux

package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/watchwordauth/watchword/internal/nodetest"
)

// disk is a small file system in memory that one node sees, and nobody else.
type disk struct {
	t       testing.TB
	folder  string
	command []string // starts a program that sees it
}

// newDisk makes a disk of 8 MiB. What prepare says is done with it first, by a shell.
func newDisk(t testing.TB, prepare func(folder string) string) *disk {
	t.Helper()
	d := &disk{t: t, folder: t.TempDir()}
	d.command = []string{
		"unshare", "--user", "--map-root-user", "--mount", "sh", "-e", "-c",
		fmt.Sprintf(`mount -t tmpfs -o size=8m,mode=700 none '%s'; %s; exec "$@"`, d.folder, prepare(d.folder)), "sh",
	}
	if output, err := exec.Command(d.command[0], append(d.command[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no disk becomes full, since this system mounts none for us: %v: %s", err, output)
	}
	return d
}

// fill writes a file until the disk is full, as the node sees it.
func (d *disk) fill(n *node) (empty func()) {
	d.t.Helper()
	path := filepath.Join("/proc", fmt.Sprint(n.pid()), "root", d.folder, "filler")
	file, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	for _, piece := range [][]byte{make([]byte, 64<<10), make([]byte, 1)} {
		for err = nil; err == nil; {
			_, err = file.Write(piece)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			d.t.Error(err)
		}
	}
}

// The disk is full, or takes no writes at all. What must be written is answered 503,
// readiness tells, nobody is signed out, and nothing is lost when it is over.
func TestADiskThatTakesNoWrites(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(t *testing.T) (setting, func(n *node) (mend func())){
		"full": func(t *testing.T) (setting, func(n *node) func()) {
			d := newDisk(t, func(string) string { return "true" })
			return setting{command: d.command, args: []string{"--data", d.folder}}, d.fill
		},
		// Every write fails, as on a disk that the system made read-only after a fault.
		"read-only": func(t *testing.T) (setting, func(n *node) func()) {
			return setting{args: []string{"--data", filepath.Join(t.TempDir(), "data")}}, func(n *node) func() {
				limit := func(bytes uint64) {
					if err := unix.Prlimit(n.pid(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
						t.Fatal(err)
					}
				}
				limit(0)
				return func() { limit(unix.RLIM_INFINITY) }
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, makeFail := breaks(t)
			s.args = append(s.args, "--min-token-age", "5s", "--retry-window", "3s")
			n := newNode(t, "the node", s)
			n.start()
			f := &fleet{t: t, nodes: []*node{n}, client: nodetest.Client(t)}
			c := newCrowd(f)
			c.join(6, true)
			leaver := c.all()[0]
			calm := f.stillness(nil)
			rest := c.refreshing()
			mend := makeFail(n)
			eventually(t, time.Minute, "it shows that nothing can be written", func() error {
				a, err := f.anyone(signIn(leaver.owner)) // as long as there is some room left it succeeds
				if err != nil || a.status != http.StatusServiceUnavailable || a.retryAfter == "" || a.took > answerWithin {
					return fmt.Errorf("a sign-in is answered %s, %v", a, err)
				}
				return nil
			})
			time.Sleep(6 * time.Second) // tokens are to be replaced meanwhile
			f.outOfOrder(leaver.owner)
			mend()
			began := time.Now()
			f.allReady()
			t.Logf("ready %s after it was mended", time.Since(began).Round(time.Millisecond))
			c.end(c.alive())
			rest()
			if s.command == nil { // what is in memory alone does not outlive the process
				n.kill()
				n.start()
			}
			c.promises(t)
			if c.busy.Load() == 0 {
				t.Error("no refresh was told that nothing can be written: this proves nothing")
			}
			f.asCalmAs(calm, nil)
		})
	}
}

// A disk that is read-only at the start is told at once, with what to do.
func TestAServerDoesNotStartOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := newNode(t, "the first", setting{args: []string{"--data", data}})
	first.start()
	first.kill()
	d := newDisk(t, func(folder string) string {
		return fmt.Sprintf(`cp -a '%[1]s' '%[2]s/data'; mount -o remount,ro '%[2]s'`, data, folder)
	})
	n := newNode(t, "the node", setting{command: d.command, args: []string{"--data", filepath.Join(d.folder, "data")}})
	if err := n.tryStart(t.Context()); err == nil {
		t.Fatal("it starts")
	}
	said := n.log.String()
	if !strings.Contains(said, "read-only") && !strings.Contains(said, "cannot be written") {
		t.Errorf("it does not say why: %s", said)
	}
}
