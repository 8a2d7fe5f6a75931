//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// holdRequest sends a request whose body never ends, and returns when the server
// has begun to read it.
func holdRequest(t *testing.T, url string) {
	t.Helper()
	body, hold := io.Pipe()
	t.Cleanup(func() { hold.Close() })
	reading := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(reading) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/auth/signin", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	go func() {
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	select {
	case <-reading:
	case <-time.After(time.Minute):
		t.Fatal("the server does not read the request")
	}
}

func TestDrainingIsBounded(t *testing.T) {
	t.Parallel()
	n := startNode(t, "watchword", filepath.Join(t.TempDir(), "data"), "--drain", "1s")
	holdRequest(t, n.url)
	if err := n.stop(t); err == nil {
		t.Error("a server that cut a request off ends with status 0")
	}
	for _, want := range []string{"still being answered after 1s and were cut off", "hint: give them more time with --drain"} {
		if !strings.Contains(n.log.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, n.log)
		}
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t, "watchword", filepath.Join(t.TempDir(), "data"), "--drain", "10m")
	holdRequest(t, n.url)
	// The first asks it to stop; how many it takes until one counts as the second
	// depends on how soon it is noticed.
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_ = n.Signal(syscall.SIGTERM)
		select {
		case <-n.Ended():
			how, ok := errors.AsType[*exec.ExitError](n.Wait())
			if !ok || how.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v, want the signal", n.Wait())
			}
			return
		case <-again.C:
		case <-limit.Done():
			t.Fatal("it does not end")
		}
	}
}

func TestADataFolderThatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o500); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "watchword", "serve", "--listen", "127.0.0.1:0", "--data", data)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), quickExit}
	if os.Geteuid() == 0 { // who may write everywhere
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(data, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		// Let nobody reach this test binary, and the folder.
		for _, path := range []string{cmd.Path, filepath.Dir(cmd.Path), filepath.Dir(filepath.Dir(cmd.Path)), filepath.Dir(data), filepath.Dir(filepath.Dir(data)), cmd.Dir} {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	output, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends with %v, want status 1", err)
	}
	for _, want := range []string{"the data folder " + data + " cannot be used: permission denied", "hint: make it readable and writable for this user"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("it does not say %q:\n%s", want, output)
		}
	}
}

// Whoever may write to the data folder cannot make the server write over a file of
// its user elsewhere.
func TestTheLockIsNoLink(t *testing.T) {
	t.Parallel()
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := openFolder(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, data.file(lockFile)); err != nil {
		t.Fatal(err)
	}
	lock, err := data.lock()
	if err == nil {
		err = sign(lock, "http://127.0.0.1:8080")
		lock.Close()
		t.Errorf("the lock was taken through a link, and signed: %v", err)
	}
	if content, err := os.ReadFile(precious); err != nil || string(content) != "as it was" {
		t.Errorf("now it says %q, %v", content, err)
	}
}
