//go:build linux

package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/watchwordauth/watchword/internal/nodetest"
)

// home is a folder for what all tests share. Servers that run as another user
// reach what is in it.
var home string

func TestMain(m *testing.M) { os.Exit(inHome(m)) }

func inHome(m *testing.M) int {
	var err error
	if home, err = os.MkdirTemp("", "watchword-fleet"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(home)
	if err := os.Chmod(home, 0o711); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// program is the path of the real program, which is built once.
var program = sync.OnceValues(func() (string, error) {
	if err := lookAtSources(); err != nil {
		return "", err
	}
	path := filepath.Join(home, "watchword")
	output, err := exec.Command("go", "build", raceFlag, "-o", path, "../../cmd/watchword").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build watchword: %w\n%s", err, output)
	}
	return path, nil
})

// lookAtSources opens every folder of the module: so "go test" knows what the program
// is made of, and takes no old result for a new one.
func lookAtSources() error {
	return filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		return err
	})
}

// mortal makes a child die with this process, however that ends.
func mortal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// node is a server in a process of its own, which is killed and started again. Its
// address changes with each start.
type node struct {
	t       testing.TB
	name    string
	command []string // what comes before the program, or nothing
	environ []string
	args    []string
	log     *nodetest.Log // of all its lives

	mu      sync.Mutex
	life    *nodetest.Node // nil before the first
	url     string         // "" while it is down
	metrics string
}

// setting is what nodes are started with.
type setting struct {
	command []string
	environ []string // NAME=value
	args    []string
}

const (
	issuer   = "https://id.example.org"
	password = "an entirely-unheard-of pass phrase"
)

// newNode makes a node, which is not started. When the test ends it is killed, and
// its log is searched for secrets.
func newNode(t testing.TB, name string, s setting) *node {
	t.Helper()
	n := &node{t: t, name: name, command: s.command, log: new(nodetest.Log)}
	n.environ = append([]string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=2", "GORACE=atexit_sleep_ms=0"}, s.environ...)
	n.args = append([]string{
		"serve", "--metrics-listen", "127.0.0.1:0", "--issuer", issuer,
		"--trusted-proxy", "127.0.0.1", "--log-format", "json", "--log-level", "debug",
	}, s.args...)
	t.Cleanup(func() {
		n.kill()
		n.keptSecrets(s.environ)
	})
	return n
}

// start starts the node and waits until it serves.
func (n *node) start() {
	n.t.Helper()
	if err := n.tryStart(n.t.Context()); err != nil {
		n.t.Fatalf("%s does not start: %v\n%s", n.name, err, n.log.Tail())
	}
}

// tryStart does so, or returns an error if the node ended, or took too long.
func (n *node) tryStart(ctx context.Context) error {
	path, err := program()
	if err != nil {
		return err
	}
	words := append(append(append([]string{}, n.command...), path), n.args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = n.t.TempDir(), n.environ, mortal()
	told := new(nodetest.Log)
	log := io.MultiWriter(n.log, told)
	cmd.Stdout, cmd.Stderr = log, log
	life, err := nodetest.Start(cmd, filepath.Join(n.t.TempDir(), "address"))
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.life = life
	n.mu.Unlock()

	url, err := life.Address(ctx)
	metrics := ""
	if err == nil { // the line is there, or on its way
		err = life.Until(ctx, func() bool { metrics = lastField(told, "address", "/metrics"); return metrics != "" })
	}
	if err != nil {
		n.kill()
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.url, n.metrics = url, metrics
	return nil
}

// address is where the node serves, "" while it is down.
func (n *node) address() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.url
}

// pid is its process.
func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life.Pid()
}

// kill ends the process as a power cut would: it can do nothing more.
func (n *node) kill() {
	n.mu.Lock()
	life := n.life
	n.url, n.metrics = "", ""
	n.mu.Unlock()
	if life != nil {
		life.Kill()
	}
}

// keptSecrets fails the test if the log holds a token, a password, or one of the
// secrets that the node was given; or tells of a race or a panic.
func (n *node) keptSecrets(environ []string) {
	words := map[string]string{
		"wwr_": "a refresh token", "eyJ": "an access token", password: "a password",
		"DATA RACE": "a data race", "panic: ": "a panic", "goroutine 1 [": "a crash",
	}
	for _, one := range environ {
		name, value, _ := strings.Cut(one, "=")
		if name == "WATCHWORD_MASTER_SECRET" {
			words[value] = "the master secret"
		}
		if _, rest, ok := strings.Cut(value, "://"); ok && strings.Contains(rest, "@") {
			if _, secret, ok := strings.Cut(rest, ":"); ok {
				secret, _, _ = strings.Cut(secret, "@")
				words[secret] = "the password of a database"
			}
		}
	}
	log := n.log.String()
	for word, what := range words {
		if at := strings.Index(log, word); at >= 0 {
			n.t.Errorf("the log of %s holds %s: …%s…", n.name, what, log[max(0, at-200):min(len(log), at+600)])
		}
	}
}

// lastField is the last value of a field in the lines of JSON that ends with a suffix.
func lastField(log *nodetest.Log, name, suffix string) (last string) {
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil {
			continue
		}
		if text, ok := fields[name].(string); ok && strings.HasSuffix(text, suffix) {
			last = text
		}
	}
	return last
}
