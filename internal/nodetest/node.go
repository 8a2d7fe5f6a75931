package nodetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Node is a server in a process of its own. One that was started has to be killed.
type Node struct {
	cmd      *exec.Cmd
	portFile string
	ended    chan struct{} // closed when the process has
	err      error         // what it ended with
}

// Start starts a node on a free port of 127.0.0.1. The command is "serve" with its
// flags but for these: where to listen, and the file in which to tell where that is.
func Start(cmd *exec.Cmd, portFile string) (*Node, error) {
	cmd.Args = append(cmd.Args, "--listen", "127.0.0.1:0", "--port-file", portFile)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &Node{cmd: cmd, portFile: portFile, ended: make(chan struct{})}
	go func() { // until the process ends, as Kill sees to
		defer close(n.ended)
		n.err = cmd.Wait()
	}()
	return n, nil
}

// Address waits until the node serves, and is where: http://127.0.0.1:PORT.
func (n *Node) Address(ctx context.Context) (address string, err error) {
	err = n.Until(ctx, func() bool {
		content, err := os.ReadFile(n.portFile)
		address = strings.TrimSpace(string(content))
		return err == nil && address != ""
	})
	return address, err
}

// Until waits until something is so. It is an error if the node ends before, or if it
// takes more than two minutes.
func (n *Node) Until(ctx context.Context, is func() bool) error {
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-n.ended:
			return fmt.Errorf("it ended: %v", n.err)
		case <-limit.C:
			return errors.New("it took more than two minutes")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Kill ends the process as a power cut would: it can do nothing more.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill() // fails if it has ended
	<-n.ended
}

// Signal sends a signal to the process.
func (n *Node) Signal(s os.Signal) error { return n.cmd.Process.Signal(s) }

// Ended is closed when the process has ended.
func (n *Node) Ended() <-chan struct{} { return n.ended }

// Wait waits until the process has ended, and is what it ended with.
func (n *Node) Wait() error {
	<-n.ended
	return n.err
}

// Pid is its process.
func (n *Node) Pid() int { return n.cmd.Process.Pid }
