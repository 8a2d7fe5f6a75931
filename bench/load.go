package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// client is one keep-alive connection that sends prepared requests. It parses no
// more of HTTP than it needs, so that the machine works for the server and not
// for the one who measures it.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// do sends a request and returns the status and the body, which the next call
// overwrites.
func (c *client) do(request []byte) (int, []byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, nil, err
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name := []byte("content-length: "); len(line) > len(name) && bytes.EqualFold(line[:len(name)], name) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return 0, nil, err
			}
		}
	}
	if length < 0 {
		return 0, nil, fmt.Errorf("status %d without a length", status)
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.reader, c.body)
	return status, c.body, err
}

// post is a prepared POST of JSON.
func post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// bearing returns what makes a prepared POST of each refresh token, in one place: the
// next call overwrites it.
func bearing(path string) func(token string) []byte {
	request := post(path, `{"refreshToken":"`+strings.Repeat(" ", tokenLength)+`"}`)
	place := request[len(request)-len(`"}`)-tokenLength:]
	return func(token string) []byte {
		copy(place, token)
		return request
	}
}

// refreshed is the refresh token in an answer.
func refreshed(body []byte) (string, error) {
	_, rest, found := bytes.Cut(body, []byte(`"refreshToken":"`))
	if !found || len(rest) < tokenLength {
		return "", errors.New("no refresh token in the answer")
	}
	return string(rest[:tokenLength]), nil
}

// work makes a worker's next request and reads its answer.
type work struct {
	next func() []byte
	took func(status int, body []byte) error
}

// result is what a round of load measured.
type result struct {
	rate      float64 // answers a second
	p50, p99  time.Duration
	longest   time.Duration
	serverCPU time.Duration // per answer
}

// load has n workers send for a while, each its next request when the last was answered.
func load(address string, pid, n int, d time.Duration, worker func(i int) work) (result, error) {
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		failed  error
		latency []time.Duration
	)
	connections := make([]*client, n)
	for i := range connections {
		c, err := dial(address)
		if err != nil {
			return result{}, err
		}
		defer c.conn.Close()
		connections[i] = c
	}
	before := cpuTime(pid)
	start := time.Now()
	for i, c := range connections {
		w := worker(i)
		wg.Go(func() {
			var own []time.Duration
			err := func() error {
				for time.Since(start) < d {
					request := w.next()
					sent := time.Now()
					status, body, err := c.do(request)
					if err != nil {
						return err
					}
					own = append(own, time.Since(sent))
					if err := w.took(status, body); err != nil {
						return err
					}
				}
				return nil
			}()
			mu.Lock()
			defer mu.Unlock()
			latency = append(latency, own...)
			if err != nil && failed == nil {
				failed = err
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	spent := cpuTime(pid) - before
	if failed != nil {
		return result{}, failed
	}
	slices.Sort(latency)
	count := len(latency)
	if count == 0 {
		return result{}, fmt.Errorf("no answer within %s", d)
	}
	return result{
		rate:      float64(count) / elapsed.Seconds(),
		p50:       latency[count/2],
		p99:       latency[count*99/100],
		longest:   latency[count-1],
		serverCPU: spent / time.Duration(count),
	}, nil
}
