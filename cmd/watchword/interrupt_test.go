package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// interrupt ends a command by each signal that people send, as soon as it copies: a file
// that copy matches is no longer empty. It must end by the signal, and nothing that left
// matches may be there.
func interrupt(t *testing.T, environ []string, copy, left string, args ...string) {
	t.Helper()
	matches := func(pattern string) []string {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), "watchword", args...)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), quickExit}, environ...)
		cmd.Dir = t.TempDir()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); cmd.Wait() }()
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for copies := false; !copies; {
			select {
			case <-ended:
				t.Fatal("it ended before it was seen")
			case <-look.C:
				copies = slices.ContainsFunc(matches(copy), func(name string) bool {
					info, err := os.Stat(name)
					return err == nil && info.Size() > 0
				})
			}
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		<-ended
		if want, there := 128+int(s.(syscall.Signal)), matches(left); cmd.ProcessState.ExitCode() != want || len(there) > 0 {
			t.Errorf("after %v: %v, want status %d; there is %v", s, cmd.ProcessState, want, there)
		}
	}
}
