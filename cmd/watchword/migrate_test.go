package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// TestMigrateServers has the command see, do and see again what there is to do on
// each kind of database server.
func TestMigrateServers(t *testing.T) {
	t.Parallel()
	onEachRemote(t, func(t *testing.T, address string) {
		environ := []string{"WATCHWORD_DATABASE=" + address}
		for _, step := range []struct {
			args []string
			want string
		}{
			{[]string{"migrate", "--dry-run"}, "  to do: 0001_begin\n"},
			{[]string{"migrate", "--dry-run"}, "Nothing was changed."},
			{[]string{"migrate"}, "  done: 0001_begin\n"},
			{[]string{"migrate"}, "nothing to do\n"},
			{[]string{"migrate", "--dry-run"}, "nothing to do\n"},
			{[]string{"user", "list"}, "no user"},
		} {
			if got := runWatchwordWith(t, environ, "", step.args...); !strings.Contains(got, step.want) {
				t.Errorf("watchword %s: %q, want %q", strings.Join(step.args, " "), got, step.want)
			}
		}
	})
}

// TestANewerDatabaseIsRefused by every command, with a hint, and left as it is.
func TestANewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	path := filepath.Join(data, "watchword.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runWatchword(t, "", "migrate", "--data", data)
	servertest.Execute(t, "sqlite", path, `INSERT INTO watchword_versions (version, name) VALUES (99, 'from the future')`)
	for _, args := range [][]string{{"migrate"}, {"migrate", "--dry-run"}, {"user", "list"}, {"serve", "--listen", "127.0.0.1:0"}} {
		cmd := exec.CommandContext(t.Context(), "watchword", append(args, "--data", data)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), quickExit}
		var told bytes.Buffer
		cmd.Stderr = &told
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("watchword %s ended with %d", strings.Join(args, " "), code)
		}
		for _, want := range []string{"version 99, ", "\nhint: start the newer program, or restore a backup from before the upgrade\n"} {
			if !strings.Contains(told.String(), want) {
				t.Errorf("watchword %s does not say %q:\n%s", strings.Join(args, " "), want, &told)
			}
		}
	}
}
