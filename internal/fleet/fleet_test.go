//go:build linux

package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/nodetest"
)

// fleet is nodes on one database.
type fleet struct {
	t      testing.TB
	nodes  []*node
	client *http.Client
	admin  string // an administrator's access token
	spare  setting
	kills  atomic.Int64
	beside server // dies now and then as well; nil: nothing does
}

const fleetSize = 3

// masterSecret is the nodes', made for this test alone.
const masterSecret = "6d1f0f2c53b7a1e48c9d7b0e5f3a2c1d8e4b6a7f9c0d1e2f3a4b5c6d7e8f9a0b"

// assemble starts three nodes on a database.
func assemble(t testing.TB, database string, args ...string) *fleet {
	t.Helper()
	return assembleWith(t, []string{"WATCHWORD_DATABASE=" + database}, args...)
}

// assembleWith starts three nodes with settings in the environment.
func assembleWith(t testing.TB, environ []string, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, client: nodetest.Client(t), spare: setting{
		environ: append([]string{"WATCHWORD_MASTER_SECRET=" + masterSecret}, environ...), args: args,
	}}
	for i := range fleetSize {
		f.nodes = append(f.nodes, newNode(t, fmt.Sprintf("node %d", i), f.spare))
	}
	var starting sync.WaitGroup
	errs := make([]error, fleetSize)
	for i, n := range f.nodes {
		starting.Go(func() { errs[i] = n.tryStart(t.Context()) })
	}
	starting.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s does not start: %v\n%s", f.nodes[i].name, err, f.nodes[i].log.Tail())
		}
	}
	return f
}

// appoint makes an administrator, by the command line.
func (f *fleet) appoint() {
	f.t.Helper()
	path, err := program()
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(path, "user", "add", "--role", "admin", "--email", "root@example.org", "--password-stdin", "root")
	cmd.Env, cmd.Dir, cmd.SysProcAttr = append(f.nodes[0].environ, f.spare.environ...), f.t.TempDir(), mortal()
	cmd.Stdin = strings.NewReader(password)
	if output, err := cmd.CombinedOutput(); err != nil {
		f.t.Fatalf("make an administrator: %v\n%s", err, output)
	}
	f.admin = f.must(signIn("root")).text("accessToken")
}

// errDown says that no request was sent.
var errDown = errors.New("the node is down")

// anyone sends a request to a node that is taken at random.
func (f *fleet) anyone(c call) (answer, error) {
	return f.one(rand.IntN(len(f.nodes)), c)
}

// one sends a request to a node.
func (f *fleet) one(i int, c call) (answer, error) {
	url := f.nodes[i].address()
	if url == "" {
		return answer{}, errDown
	}
	return c.do(f.t.Context(), f.client, url)
}

// must sends a request until it is answered by 200, one of the nodes being up.
func (f *fleet) must(c call) (a answer) {
	f.t.Helper()
	eventually(f.t, 2*time.Minute, c.method+" "+c.path+" succeeds", func() (err error) {
		a, err = f.anyone(c)
		if err == nil && a.status != http.StatusOK {
			err = errors.New(a.String())
		}
		return err
	})
	return a
}

// everywhere does something with every node.
func (f *fleet) everywhere(do func(i int, n *node)) {
	var all sync.WaitGroup
	for i, n := range f.nodes {
		all.Go(func() { do(i, n) })
	}
	all.Wait()
}

// killing kills a node again and again, and starts it again, while do runs: each
// time after some answers were given.
func (f *fleet) killing(answers *atomic.Int64, least int64, do func()) {
	f.t.Helper()
	done := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for {
			for enough := answers.Load() + least + rand.Int64N(least); answers.Load() < enough; {
				select {
				case <-done:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
			n := f.nodes[rand.IntN(len(f.nodes))]
			n.kill()
			if f.kills.Add(1)%2 == 0 && f.beside != nil {
				f.beside.kill()
				if err := f.beside.tryStart(); err != nil {
					f.t.Error(err)
				}
			}
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
			err := n.tryStart(f.t.Context())
			for again := 0; err != nil && f.beside != nil && again < 3; again++ {
				err = n.tryStart(f.t.Context()) // what it needs may be a moment late; a supervisor starts it again
			}
			if err != nil {
				f.t.Errorf("%s does not start again: %v\n%s", n.name, err, n.log.Tail())
				return
			}
		}
	})
	do()
	close(done)
	killer.Wait()
}

// ready asks a node whether it is.
func (f *fleet) ready(n *node) (answer, error) {
	url := n.address()
	if url == "" {
		return answer{}, errDown
	}
	return call{method: "GET", path: "/readyz"}.do(f.t.Context(), f.client, url)
}

// allReady waits until every node says that it is.
func (f *fleet) allReady() {
	f.t.Helper()
	for _, n := range f.nodes {
		eventually(f.t, time.Minute, n.name+" is ready", func() error {
			a, err := f.ready(n)
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("%s %s; it says:\n%s", a, a.text("detail"), n.log.Tail())
			}
			return err
		})
	}
}

// gauge reads one of a node's metrics: the sum of its series.
func (n *node) gauge(name string) (sum float64, err error) {
	n.mu.Lock()
	url := n.metrics
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	found := false
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		series, value, ok := strings.Cut(lines.Text(), " ")
		family, _, _ := strings.Cut(series, "{")
		if !ok || family != name {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+number, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return sum, nil
}

// total is the sum of a metric over the nodes.
func (f *fleet) total(name string) (sum float64) {
	f.t.Helper()
	for _, n := range f.nodes {
		value, err := n.gauge(name)
		if err != nil {
			f.t.Fatal(err)
		}
		sum += value
	}
	return sum
}

// story is what the logs tell of a request that was answered so.
func (f *fleet) story(a answer) string {
	id := a.text("requestId")
	if id == "" {
		return ""
	}
	var told strings.Builder
	for _, n := range f.nodes {
		for line := range strings.Lines(n.log.String()) {
			if strings.Contains(line, id) {
				told.WriteString("\n" + n.name + ": " + line)
			}
		}
	}
	return told.String()
}
