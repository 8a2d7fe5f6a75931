package nodetest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/nodetest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

func TestANodeThatEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	// This test binary knows no flag of a node, says so, and ends.
	cmd, log := exec.CommandContext(t.Context(), os.Args[0]), new(nodetest.Log)
	cmd.Stdout, cmd.Stderr = log, log
	n, err := nodetest.Start(cmd, filepath.Join(t.TempDir(), "address"))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Kill()
	if address, err := n.Address(t.Context()); err == nil || err.Error() != "it ended: exit status 2" {
		t.Errorf("it serves on %q, %v", address, err)
	}
	if !strings.Contains(log.Tail(), "flag provided but not defined") {
		t.Errorf("it said:\n%s", log)
	}
	if how, ok := errors.AsType[*exec.ExitError](n.Wait()); !ok || how.ExitCode() != 2 {
		t.Errorf("it ended with %v", n.Wait())
	}
}

// A transport sends a request again by itself if it has a key, and the connection
// was used before: then a test would not know what it asked.
func TestARequestWithoutAnAnswerIsSentOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			panic(http.ErrAbortHandler) // the connection ends
		}
		w.Write([]byte(`{"refreshToken":"wwr_2"}`))
	}))
	defer server.Close()
	client := nodetest.Client(t)
	refresh := nodetest.Request{Method: "POST", URL: server.URL, Body: map[string]string{"refreshToken": "wwr_1"}, Key: "a key"}
	if a, err := refresh.Do(t.Context(), client); err != nil || a.Status != http.StatusOK || a.Body["refreshToken"] != "wwr_2" {
		t.Fatalf("the first is answered %+v, %v", a, err)
	}
	if a, err := refresh.Do(t.Context(), client); err == nil {
		t.Errorf("the second is answered %+v", a)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("two requests were sent %d times", n)
	}
}

func TestEachNodeHasItsTurn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	one, other := memory.New().Sessions, memory.New().Sessions
	nodes := nodetest.InTurn(one, other)
	for _, id := range []session.ID{{1}, {2}} {
		s := session.Session{ID: id, ExpiresAt: now.Add(time.Hour), Register: session.Register{Generation: 1, IdleUntil: now.Add(time.Hour)}}
		if err := nodes.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for name, node := range map[string]session.Store{"one": one, "the other": other} {
		if n, err := node.Count(t.Context(), now); n != 1 || err != nil {
			t.Errorf("of two sessions %s was asked to begin %d, %v", name, n, err)
		}
	}
}
