package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// hinted is an error that says how to mend it. What went wrong is one line; so
// is the hint.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// mend adds a hint to an error. The hint is an order, without a full stop.
func mend(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// misuse marks an error in the command line itself: exit status 2.
type misuse struct{ err error }

func (m *misuse) Error() string { return m.err.Error() }
func (m *misuse) Unwrap() error { return m.err }

// errSilent ends a command that has said already what is wrong.
var errSilent = errors.New("already told")

// report writes what went wrong and how to mend it, and returns the exit status.
// Packages that know no hints put the mending behind a semicolon.
func report(w io.Writer, cmd *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	what, hint := strings.ReplaceAll(err.Error(), "\n\t", " "), "" // of PostgreSQL's driver
	if h, ok := errors.AsType[*hinted](err); ok {
		hint = h.hint
	} else if _, ok := errors.AsType[*misuse](err); ok {
		hint = fmt.Sprintf("run '%s --help'", cmd.CommandPath())
	} else if before, after, ok := strings.Cut(what, "; "); ok {
		what, hint = before, after
	}
	if !errors.Is(err, errSilent) {
		if !strings.HasPrefix(what, "watchword ") {
			what = "watchword: " + what
		}
		fmt.Fprintln(w, what)
		if hint != "" {
			fmt.Fprintf(w, "hint: %s\n", hint)
		}
	}
	if _, ok := errors.AsType[*misuse](err); ok {
		return 2
	}
	return 1
}
