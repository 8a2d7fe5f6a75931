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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is watchword too: scripts and the other tests run it as such.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"watchword": main})
}

// quickExit keeps the race detector from waiting a second when a process ends.
const quickExit = "GORACE=atexit_sleep_ms=0"

// TestScripts runs the stories in testdata, each in a folder of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"http":   scriptHTTP,
			"field":  scriptField,
			"await":  scriptAwait,
			"within": scriptWithin,
		},
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, quickExit)
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// scriptHTTP sends a request and prints status, headers and body:
//
//	http METHOD URL [Name:value…] [BODY]
//
// BODY is JSON, which begins with {, or form:NAME=VALUE&… "! http" expects a status
// of 400 or more.
func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	status := sendHTTP(ts, args)
	if failed := status >= 400; failed != neg {
		ts.Fatalf("unexpected status %d: %s", status, ts.ReadFile("stdout"))
	}
}

// scriptWithin sends a request again and again until its status is the one that
// is expected, and fails if that takes too long:
//
//	within DURATION STATUS METHOD URL [Name:value…] [BODY]
func scriptWithin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: within DURATION STATUS METHOD URL [Name:value…] [BODY]")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for start := time.Now(); ; <-look.C {
		status := sendHTTP(ts, args[2:])
		if strconv.Itoa(status) == args[1] {
			ts.Logf("%s after %v", args[1], time.Since(start).Round(time.Millisecond))
			return
		}
		if time.Since(start) > limit {
			ts.Fatalf("still %d after %v", status, limit)
		}
	}
}

// sendHTTP sends a request, prints the answer and returns its status.
func sendHTTP(ts *testscript.TestScript, args []string) int {
	if len(args) < 2 {
		ts.Fatalf("usage: http METHOD URL [Name:value…] [BODY]")
	}
	method, url, headers := args[0], args[1], args[2:]
	contentType, body := "", ""
	if n := len(headers); n > 0 && strings.HasPrefix(headers[n-1], "{") {
		contentType, body, headers = "application/json", headers[n-1], headers[:n-1]
	}
	if n := len(headers); n > 0 && strings.HasPrefix(headers[n-1], "form:") {
		contentType, body, headers = "application/x-www-form-urlencoded", headers[n-1][len("form:"):], headers[:n-1]
	}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	ts.Check(err)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for _, header := range headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			ts.Fatalf("%q is no header", header)
		}
		request.Header.Set(name, strings.TrimSpace(value))
	}
	response, err := scriptClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	ts.Check(err)
	out := ts.Stdout()
	fmt.Fprintln(out, response.StatusCode)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range response.Header {
			if !yield(name) {
				return
			}
		}
	}) {
		for _, value := range response.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(out, "\n%s\n", content)
	return response.StatusCode
}

// scriptClient opens a connection a request, so that nothing is left of one.
var scriptClient = &http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// scriptField puts a field of the last JSON that was printed into a variable:
//
//	field NAME VARIABLE
func scriptField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: field NAME VARIABLE")
	}
	printed := ts.ReadFile("stdout")
	start := strings.IndexByte(printed, '{')
	if start < 0 {
		ts.Fatalf("no JSON was printed")
	}
	var fields map[string]any
	ts.Check(json.NewDecoder(bytes.NewReader([]byte(printed[start:]))).Decode(&fields))
	value, ok := fields[args[0]]
	if !ok {
		ts.Fatalf("no field %s in %s", args[0], printed[start:])
	}
	ts.Setenv(args[1], fmt.Sprint(value))
}

// scriptAwait waits for a file that another process writes, and puts its first
// line into a variable:
//
//	await FILE VARIABLE
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE VARIABLE")
	}
	content, err := awaitFile(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	line, _, _ := strings.Cut(content, "\n")
	ts.Setenv(args[1], line)
}

// awaitFile waits for a file to have content.
func awaitFile(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		content, err := os.ReadFile(path)
		if err == nil && len(content) > 0 {
			return string(content), nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for %s: %w", path, ctx.Err())
		case <-look.C:
		}
	}
}
