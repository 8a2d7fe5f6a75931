// Command watchword is the sign-in server and its tools.
//
//	setting.go ─► config.go ─► open.go ──► serve.go      the server
//	  the table     flags over   address    user_*.go     the same store,
//	                environment  to store   session_*.go  while the server
//	                over .env               key_*.go      runs or not
//	                over file
//
// It is the only package that names database drivers. What it does with them is
// decided elsewhere: package watchword serves, packages account, session and
// signing act. A command is one file.
package main

import (
	"context"
	"io"
	"os"
	"time"
)

func main() {
	p := program{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		environ: os.Environ(), dir: ".", now: time.Now,
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// program is what every command may touch of the world.
type program struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	dir      string // where .env is looked for
	now      func() time.Time
}

// run executes one command line and returns the exit status.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetContext(ctx)
	cmd, err := root.ExecuteC()
	return report(p.err, cmd, err)
}
