package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// node is a server in a process of its own, which tests stop, kill and start again.
type node struct {
	url    string
	cmd    *exec.Cmd
	log    *lockedBuffer
	waited func() error
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
	portFile := filepath.Join(t.TempDir(), "address")
	n := &node{log: new(lockedBuffer)}
	n.cmd = exec.CommandContext(t.Context(), binary, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--port-file", portFile,
	}, args...)...)
	n.cmd.Dir = t.TempDir()
	n.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=2", quickExit}, environ...) // two, on any machine
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.waited = sync.OnceValue(n.cmd.Wait)
	t.Cleanup(n.kill)
	ready, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_ = n.waited() // a server that ends before it is ready must not keep the test waiting
		cancel()
	}()
	address, err := awaitFile(ready, portFile)
	if err != nil {
		t.Fatalf("the server did not start: %v\n%s", err, n.log)
	}
	n.url = strings.TrimSpace(address)
	return n
}

// kill ends the process as a power cut would: it can do nothing more.
func (n *node) kill() {
	_ = n.cmd.Process.Kill() // fails if it has ended
	_ = n.waited()
}

// stop sends SIGTERM and returns what the process ended with.
func (n *node) stop(t testing.TB) error {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return n.waited()
}

// lockedBuffer is a buffer that a process writes while a test reads it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
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

// do sends the request. An error means that no whole answer came: whether the
// server did what was asked is not known.
func (c call) do(ctx context.Context, client *http.Client, url string) (answer, error) {
	var body io.Reader
	if c.body != nil {
		encoded, err := json.Marshal(c.body)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, c.method, url+c.path, body)
	if err != nil {
		return answer{}, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Idempotency-Key": c.requestKey, "X-Forwarded-For": c.from,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if c.access != "" {
		request.Header.Set("Authorization", "Bearer "+c.access)
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode}
	if len(content) > 0 {
		if err := json.Unmarshal(content, &a.body); err != nil {
			return answer{}, fmt.Errorf("%s %s answered no JSON object: %.100s", c.method, c.path, content)
		}
	}
	return a, nil
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
func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

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
