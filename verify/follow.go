package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// The rhythm of the follower.
const (
	minReconnect = 200 * time.Millisecond // after a failure, doubling
	maxReconnect = 5 * time.Second
	pollEvery    = time.Second           // where streams do not get through
	pollFor      = 5 * time.Minute       // until a stream is tried again
	streamWait   = 3 * HeartbeatInterval // without a good document a stream is given up
	watchEvery   = time.Second           // whether news still come
)

// follow keeps the follower fresh until it is stopped: it asks for a snapshot,
// then reads the stream until that ends. Where something on the way holds streams
// back it asks again and again.
func (f *follower) follow() {
	select {
	case <-f.after:
	case <-f.stop.Done():
	}
	retry := minReconnect
	for f.stop.Err() == nil {
		address, err := f.address()
		if errors.Is(err, errNoFeed) {
			f.log.Info("the issuer announces no revocations; tokens are good until they expire", "issuer", f.issuer)
			f.none.Store(true)
			f.once.Do(func() { close(f.spoke) })
			return
		}
		if err == nil {
			err = f.poll(address)
		}
		if err == nil {
			retry = minReconnect
			err = f.stay(address)
		}
		f.mu.Lock()
		f.failure = err
		f.mu.Unlock()
		sleep(f.stop, retry/2+rand.N(retry))
		retry = min(2*retry, maxReconnect)
	}
}

var errNoFeed = errors.New("the issuer's metadata name no revocation feed")

// address is the feed's URL.
func (f *follower) address() (string, error) {
	if f.URL != "" {
		return f.URL, nil
	}
	return f.announced()
}

// stay follows a feed that has just answered, until that fails.
func (f *follower) stay(address string) error {
	good, err := f.stream(address)
	if good >= 2 || f.stop.Err() != nil {
		return err
	}
	for range pollFor / pollEvery {
		if !sleep(f.stop, pollEvery) {
			return f.stop.Err()
		}
		if err := f.poll(address); err != nil {
			return err
		}
	}
	return nil
}

// poll asks for the state of this moment. If it is the one that is held, only a
// signed heartbeat comes back: the status 304 alone could be anybody's.
func (f *follower) poll(address string) error {
	ctx, cancel := context.WithTimeout(f.stop, fetchTimeout)
	defer cancel()
	header := http.Header{"Accept": {"application/jwt"}}
	if held := f.revoked.Load().set; held != "" {
		header.Set("If-None-Match", `"`+held+`"`)
	}
	response, err := f.fetch.open(ctx, address, header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		body, err := readAll(response.Body, maxFeed)
		if err != nil {
			return fmt.Errorf("read %s: %w", address, err)
		}
		return f.take(ctx, strings.TrimSpace(body), true)
	case http.StatusNotModified:
		return f.take(ctx, response.Header.Get(HeartbeatHeader), true)
	}
	return &statusError{address, response.StatusCode}
}

// stream reads the event stream until it ends, pauses for too long or brings
// something that is not to be believed. It returns how many good documents came.
func (f *follower) stream(address string) (good int, err error) {
	ctx, cancel := context.WithCancel(f.stop)
	defer cancel()
	pause := time.AfterFunc(streamWait, cancel)
	defer pause.Stop()
	// Compression would gather events until a block is full.
	response, err := f.fetch.open(ctx, address, http.Header{"Accept": {"text/event-stream"}, "Accept-Encoding": {"identity"}})
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		return 0, fmt.Errorf("no stream: %w", &statusError{address, response.StatusCode})
	}
	err = events(response.Body, func(data string) error {
		err := f.take(ctx, data, false)
		if errors.Is(err, errBehind) {
			err = f.poll(address)
		}
		if err != nil {
			return err
		}
		if !f.isFresh(f.now()) {
			good = 0
			return errors.New("the stream is late: something on the way holds it back")
		}
		good++
		pause.Reset(streamWait)
		return nil
	})
	return good, err
}

// events reads Server-Sent Events and calls each for the data of those that are
// ours. It returns why the stream ended.
func events(body io.Reader, each func(data string) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxFeed)
	var event, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			event = value
		case "data":
			if len(data)+len(value) > maxFeed {
				return bufio.ErrTooLong
			}
			data += value
		case "": // the end of an event, or a comment
			if lines.Text() != "" {
				continue
			}
			if event == FeedEvent && data != "" {
				if err := each(data); err != nil {
					return err
				}
			}
			event, data = "", ""
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// watch says so when news cease and when they are back, until it is stopped.
func (f *follower) watch(status func() Status) {
	began := f.now()
	for sleep(f.stop, watchEvery) {
		if f.none.Load() {
			return
		}
		now := f.now()
		stale := !f.isFresh(now)
		if stale && f.fresh.Load() < 0 && now.Sub(began) <= f.MaxAge {
			continue // it may still be starting
		}
		f.mu.Lock()
		changed := stale != f.stale
		f.stale = stale
		failure := f.failure
		f.mu.Unlock()
		if !changed {
			continue
		}
		if stale {
			f.log.Error("no news of revocations from the issuer", "issuer", f.issuer, "policy", f.WhenStale.String(), "error", failure)
		} else {
			f.log.Info("news of revocations are back", "issuer", f.issuer)
		}
		if f.Notify != nil {
			f.Notify(status())
		}
	}
}

// String is the policy's name in logs.
func (p Policy) String() string {
	switch p {
	case Accept:
		return "accept"
	case Reject:
		return "reject"
	case Introspect:
		return "introspect"
	}
	return "unknown"
}
