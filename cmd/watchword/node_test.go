package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/watchwordauth/watchword/internal/nodetest"
)

// node is a server in a process of its own, which tests stop, kill and start again.
type node struct {
	*nodetest.Node
	url string
	log *nodetest.Log
}

// startNode starts binary (or "watchword": this test binary) on a free port and
// waits until it answers. It is killed when the test ends, if it still runs.
func startNode(t testing.TB, binary, data string, args ...string) *node {
	t.Helper()
	return startNodeWith(t, nil, binary, append([]string{"--data", data}, args...)...)
}

// startNodeWith does so with settings in the environment.
func startNodeWith(t testing.TB, environ []string, binary string, args ...string) *node {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"serve"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=2", quickExit}, environ...) // two, on any machine
	log := new(nodetest.Log)
	cmd.Stdout, cmd.Stderr = log, log
	started, err := nodetest.Start(cmd, filepath.Join(t.TempDir(), "address"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Kill)
	address, err := started.Address(t.Context())
	if err != nil {
		t.Fatalf("the server did not start: %v\n%s", err, log)
	}
	return &node{Node: started, url: address, log: log}
}

// kill ends the process as a power cut would: it can do nothing more.
func (n *node) kill() { n.Kill() }

// stop sends SIGTERM and returns what the process ended with.
func (n *node) stop(t testing.TB) error {
	t.Helper()
	if err := n.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return n.Wait()
}

// answer is what the API answered.
type answer struct {
	status int
	body   map[string]any
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// call is one request to the API.
type call struct {
	method, path string
	body         any // as JSON; nil: none
	access       string
	requestKey   string
	from         string // the client's address, as a proxy tells it
}

// do sends the request, once. An error means that no whole answer came: whether the
// server did what was asked is not known.
func (c call) do(ctx context.Context, client *http.Client, url string) (answer, error) {
	a, err := nodetest.Request{
		Method: c.method, URL: url + c.path, Body: c.body, Access: c.access, Key: c.requestKey, From: c.from,
	}.Do(ctx, client)
	return answer{a.Status, a.Body}, err
}

// mustCall is a call that has to be answered by 200.
func mustCall(t testing.TB, client *http.Client, n *node, c call) answer {
	t.Helper()
	a, err := c.do(t.Context(), client, n.url)
	if err == nil && a.status != http.StatusOK {
		err = errors.New("refused")
	}
	if err != nil {
		t.Errorf("%s %s: %v %v", c.method, c.path, a, err)
	}
	return a
}

// newClient is an HTTP client with connections of its own.
func newClient(t testing.TB) *http.Client { return nodetest.Client(t) }

// runWatchword runs a command to its end, with input, and fails the test if it fails.
func runWatchword(t testing.TB, input string, args ...string) string {
	t.Helper()
	return runWatchwordWith(t, nil, input, args...)
}

// runWatchwordWith does so with settings in the environment.
func runWatchwordWith(t testing.TB, environ []string, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "watchword", args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), quickExit}, environ...)
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("watchword %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return string(output)
}
