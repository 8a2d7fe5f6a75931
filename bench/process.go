package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement.
type process struct {
	cmd     *exec.Cmd
	address string
	started time.Duration // from exec to the first answer
}

// start runs a program that will listen on an address, and waits for its first
// answer to GET /healthz.
func start(ctx context.Context, address, program string, arguments ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, program, arguments...)
	log, err := os.CreateTemp("", "watchword-bench-*.log")
	if err != nil {
		return nil, err
	}
	os.Remove(log.Name()) // it lives as long as it is open
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, address: address}
	for time.Since(began) < 30*time.Second {
		if c, err := dial(address); err == nil {
			status, _, err := c.do([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			c.conn.Close()
			if err == nil && status == 200 {
				p.started = time.Since(began)
				return p, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	p.stop()
	log.Seek(0, 0)
	lines := bufio.NewScanner(log)
	told := ""
	for lines.Scan() {
		told += "\n\t" + lines.Text()
	}
	return nil, fmt.Errorf("%s did not answer within 30s:%s", program, told)
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// cpuTime is the time that a process and its threads have spent on a processor.
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * (time.Second / 100)
}

// memory is the resident memory of a process, now and at its peak, in bytes.
func memory(pid int) (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kilobytes << 10
		case "VmHWM":
			peak = kilobytes << 10
		}
	}
	if now == 0 {
		return 0, 0, errors.New("no memory figure: this needs Linux")
	}
	return now, peak, nil
}

// freeAddress is a loopback address on which nobody listens.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
