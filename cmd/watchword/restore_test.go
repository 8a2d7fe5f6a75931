package main

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A backup is taken while devices refresh. After it they go on, some are signed out, a
// user is blocked and one has a new password, until the server is killed in the midst
// of it. Then the backup is joined with the journal:
//
//   - every device that was not signed out goes on with the token it holds
//   - what was ended, blocked or changed is so still
//   - an old token is still a thief's
func TestARestoreSignsNobodyOutAndRevivesNobody(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		data := filepath.Join(t.TempDir(), "data")
		copied := filepath.Join(t.TempDir(), "copy.db")
		restoreStory(t, []string{"WATCHWORD_DATA=" + data}, func(environ []string) {
			runWatchwordWith(t, environ, "", "backup", copied)
		}, func(environ []string) string {
			return runWatchwordWith(t, environ, "", "restore", "--force", copied)
		})
	})
	for kind, secret := range map[string]string{ // where the tools find the password
		"postgres": "PGPASSWORD", "mysql": "MYSQL_PWD",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			variable := "WATCHWORD_TEST_" + strings.ToUpper(kind) + "_URL"
			server := os.Getenv(variable)
			switch {
			case server != "":
			case slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), kind):
				t.Fatalf("%s is required, and %s does not say where it is", kind, variable)
			default:
				t.Skipf("SKIPPED: %s is not tested, since %s does not say where it is", kind, variable)
			}
			address := remotes[kind](t, server)
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			password, _ := u.User.Password()
			d, _ := dumpOf(address, filepath.Join(t.TempDir(), "copy.dump"))
			// The commands as they are told, but for being asked for the password.
			tool := func(words []string) {
				t.Helper()
				words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "--password" })
				cmd := exec.CommandContext(t.Context(), "sh", "-c", line(words))
				cmd.Env = append(os.Environ(), secret+"="+password)
				if output, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", line(words), err, output)
				}
			}
			environ := []string{"WATCHWORD_DATABASE=" + address, "WATCHWORD_MASTER_SECRET=" + goodSecret}
			restoreStory(t, environ, func([]string) { tool(d.save) }, func(environ []string) string {
				tool(d.load)
				return runWatchwordWith(t, environ, "", "restore")
			})
		})
	}
}

// The lock of a server is in its data folder. A database elsewhere may have a server whose
// folder is another, or that has none.
func TestADatabaseWithAServerIsNotReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	environ := []string{"WATCHWORD_DATABASE=sqlite:" + filepath.Join(folder, "live.db"), "WATCHWORD_MASTER_SECRET=" + goodSecret}
	n := startNodeWith(t, environ, "watchword")
	copied := filepath.Join(folder, "copy.db")
	runWatchwordWith(t, environ, "", "backup", copied)
	for _, args := range [][]string{{"--force", "--accept-lost-revocations", copied}, {"--accept-lost-revocations"}} {
		cmd := exec.CommandContext(t.Context(), "watchword", append([]string{"restore"}, args...)...)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), quickExit}, environ...)
		cmd.Dir = t.TempDir()
		if output, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(output), "live.db is in use") {
			t.Errorf("restore %s: %v\n%s", strings.Join(args, " "), err, output)
		}
	}
	if err := n.stop(t); err != nil {
		t.Fatal(err)
	}
	runWatchwordWith(t, environ, "", "restore", "--force", "--accept-lost-revocations", copied)
	runWatchwordWith(t, environ, "", "restore", "--accept-lost-revocations")
}

// On a machine whose clock is behind the recovery window would be over before it opens.
func TestABackupFromTheFutureIsNotRestored(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	copied := filepath.Join(t.TempDir(), "copy.db")
	start := startNodeWith(t, nil, "watchword", "--data", data)
	runWatchword(t, crashPassword, "user", "add", "--data", data, "--role", "admin", "--email", "root@example.org", "--password-stdin", "root")
	runWatchword(t, "", "backup", "--data", data, copied)
	if err := start.stop(t); err != nil {
		t.Fatal(err)
	}
	restore := func(now time.Time, args ...string) (status int, out, problems string) {
		var told, trouble strings.Builder
		p := program{in: strings.NewReader(""), out: &told, err: &trouble, dir: t.TempDir(), now: func() time.Time { return now }}
		status = p.run(t.Context(), append([]string{"restore", "--accept-lost-revocations", "--force", "--data", data}, args...))
		return status, told.String(), trouble.String()
	}
	late := time.Now().Add(-time.Hour)
	for _, args := range [][]string{{copied}, {}} {
		status, out, problems := restore(late, args...)
		if status != 1 || out != "" || !strings.Contains(problems, "the clock of this machine says") || !strings.Contains(problems, "hint: set the clock") {
			t.Errorf("restore %v: %d\n%s%s", args, status, out, problems)
		}
	}
	if kept, _ := filepath.Glob(filepath.Join(data, "*restore*")); len(kept) > 0 {
		t.Errorf("there is %v", kept)
	}
	if status, out, problems := restore(late, "--backup-taken", late.Add(-time.Hour).Format(time.RFC3339), copied); status != 0 || !strings.Contains(out, "A recovery window is open") {
		t.Errorf("if the server's clock was ahead: %d\n%s%s", status, out, problems)
	}
	if status, out, problems := restore(time.Now(), copied); status != 0 {
		t.Errorf("with the right clock: %d\n%s%s", status, out, problems)
	}
}

// Whoever interrupts a restore leaves no copy of the users behind.
func TestARestoreThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows sends no signals to one process")
	}
	folder := t.TempDir()
	environ := []string{"WATCHWORD_DATABASE=sqlite:" + filepath.Join(folder, "live.db"), "WATCHWORD_MASTER_SECRET=" + goodSecret}
	n := startNodeWith(t, environ, "watchword") // for which the restore waits a while, with all else done
	copied := filepath.Join(folder, "copy.db")
	runWatchwordWith(t, environ, "", "backup", copied)
	interrupt(t, environ, filepath.Join(folder, ".restore-*", "copy.db"), filepath.Join(folder, ".restore*"),
		"restore", "--force", "--accept-lost-revocations", copied)
	if err := n.stop(t); err != nil {
		t.Fatal(err)
	}
}

func restoreStory(t *testing.T, environ []string, backup func(environ []string), restore func(environ []string) string) {
	environ = append(environ, "WATCHWORD_REVOCATION_JOURNAL="+t.TempDir(), "WATCHWORD_ISSUER="+crashIssuer)
	serve := func() *node {
		return startNodeWith(t, environ, "watchword", "--trusted-proxy", "127.0.0.1", "--min-token-age", "0s", "--retry-window", "0s", "--log-level", "warn")
	}
	n := serve()
	m := &crowdMember{t: t, client: newClient(t), random: rand.New(rand.NewPCG(rand.Uint64(), 1))}
	send := func(c call) answer {
		t.Helper()
		a, err := m.send(t.Context(), n.url, c)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	runWatchwordWith(t, environ, crashPassword, "user", "add", "--role", "admin", "--email", "root@example.org", "--password-stdin", "root")
	must := func(c call) answer {
		t.Helper()
		a := send(c)
		if a.status != http.StatusOK {
			t.Fatalf("%s %s: %d %v", c.method, c.path, a.status, a.body)
		}
		return a
	}
	admin := must(call{method: "POST", path: "/api/auth/signin", body: map[string]string{"username": "root", "password": crashPassword}}).text("accessToken")
	var people []*person
	var devices []*device
	var sessions, stolen []string // of each device: the session's id, the first token
	for i := range 4 {
		p := &person{name: fmt.Sprintf("person-%d", i)}
		a := must(call{method: "POST", path: "/api/auth/signup", body: map[string]string{"username": p.name, "email": p.name + "@example.org", "password": crashPassword}})
		p.id = a.text("id")
		people = append(people, p)
		for range 4 {
			d := &device{owner: p}
			a := must(m.signIn(p))
			d.take(a)
			sessions = append(sessions, a.text("sessionId"))
			devices = append(devices, d)
			stolen = append(stolen, d.refresh)
		}
	}
	blocked, changed := people[2], people[3]

	// Everybody refreshes, all the time, until the server is gone.
	var load sync.WaitGroup
	var rotations atomic.Int64
	var quiet [16]atomic.Bool // devices that others act on
	killed, stop := context.WithCancel(t.Context())
	defer stop()
	for i, d := range devices {
		own := &crowdMember{t: t, client: newClient(t), random: rand.New(rand.NewPCG(rand.Uint64(), 1))}
		load.Go(func() {
			for killed.Err() == nil && !quiet[i].Load() {
				a, err := own.send(context.WithoutCancel(killed), n.url, own.refresh(d))
				switch {
				case err != nil && killed.Err() == nil:
					t.Errorf("refresh: %v, before the kill", err)
					return
				case err != nil:
				case a.status == http.StatusOK:
					d.take(a)
					rotations.Add(1)
				case !quiet[i].Load():
					t.Errorf("refresh: %d %v", a.status, a.body)
				}
				time.Sleep(50 * time.Millisecond) // a client that does nothing else is no client
			}
		})
	}
	until := func(more int64) {
		for goal := rotations.Load() + more; rotations.Load() < goal && !t.Failed(); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	until(50)
	backup(environ)
	before := rotations.Load()
	until(200)

	ended := []int{1, 5}
	for _, i := range append([]int{8, 9, 10, 11, 12, 13, 14, 15}, ended...) {
		quiet[i].Store(true)
	}
	for _, i := range ended {
		must(call{method: "POST", path: "/api/auth/signout", body: map[string]string{"refreshToken": stolen[i]}}) // any token of a session ends it
		devices[i].ended = yes
	}
	must(call{method: "POST", path: "/api/admin/users/" + blocked.id + "/block", access: admin, body: map[string]string{"reason": "left"}})
	blocked.blocked = yes
	runWatchwordWith(t, environ, "another pass phrase", "user", "password", "--password-stdin", changed.name)
	for _, d := range devices[12:] {
		d.ended = yes
	}
	until(50)
	stop()
	n.kill()
	load.Wait()
	if t.Failed() {
		t.Fatalf("the server says:\n%s", n.log)
	}

	report := restore(environ)
	t.Logf("%d rotations before the backup, %d after it\n%s", before, rotations.Load()-before, report)
	for _, want := range []string{
		"users blocked again                        1\n    " + blocked.name + "\n",
		"users who need another password            1\n    " + changed.name + "\n",
		"sessions that go on                        7\n", // and root's
		"A recovery window is open until ",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	n = serve()
	for round := range 3 {
		for i, d := range devices {
			a := send(m.refresh(d))
			switch over := d.ended == yes || d.owner.blocked == yes; {
			case over && (a.status != http.StatusForbidden || a.text("session") != "ended"):
				t.Errorf("round %d: device %d was ended before the restore, and gets %d %v", round, i, a.status, a.body)
			case !over && a.status != http.StatusOK:
				t.Errorf("round %d: device %d was signed out by the restore: %d %v", round, i, a.status, a.body)
			case !over:
				d.take(a)
			}
		}
	}
	for _, p := range people {
		want := http.StatusOK
		switch p {
		case blocked:
			want = http.StatusForbidden
		case changed:
			want = http.StatusUnauthorized
		}
		if a := send(m.signIn(p)); a.status != want {
			t.Errorf("%s signs in with the old password: %d %v, want %d", p.name, a.status, a.body, want)
		}
	}
	explained := runWatchwordWith(t, environ, "", "session", "explain", sessions[0])
	if !strings.Contains(explained, "the database had been restored from a backup") {
		t.Errorf("the story of a session that goes on does not tell it:\n%s", explained)
	}

	// The first token of a device is of a generation that even the backup knows as old.
	if a := send(call{method: "POST", path: "/api/auth/refreshtoken", body: map[string]string{"refreshToken": stolen[0]}, requestKey: crand.Text()}); a.text("reason") != "reuse_detected" {
		t.Errorf("an old token gets %d %v", a.status, a.body)
	}
	if a := send(m.refresh(devices[0])); a.text("session") != "ended" {
		t.Errorf("after the theft showed the session goes on: %d %v", a.status, a.body)
	}
}
