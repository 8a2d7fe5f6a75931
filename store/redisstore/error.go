package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// ErrUnavailable is wrapped by errors that say nothing about what was asked, only
// that Redis could not be used: it is unreachable, loading, full, or too slow.
// Trying again later may help. An HTTP layer answers 503.
var ErrUnavailable error = unavailableError{}

// unavailableError says so to callers that do not import this package: they ask
// with errors.As for interface{ Unavailable() bool }.
type unavailableError struct{}

// Error implements error.
func (unavailableError) Error() string { return "Redis is unavailable" }

// Unavailable reports that trying again later may help.
func (unavailableError) Unavailable() bool { return true }

// refusals are the first words of what Redis answers when it cannot serve, and how to
// mend that.
var refusals = map[string]string{
	"LOADING":     "it has just started and reads its data",
	"CLUSTERDOWN": "a part of the Cluster is down",
	"MASTERDOWN":  "its primary is down",
	"TRYAGAIN":    "a slot moves",
	"MOVED":       "a slot moved",
	"ASK":         "a slot moves",
	"READONLY":    "this server only reads: name the primary, or Sentinel with master_set",
	"NOREPLICAS":  "too few of its replicas are there for min-replicas-to-write",
	"OOM":         "its memory is full: raise maxmemory",
	"MISCONF":     "it cannot write its disk: free some space, and look at its log",
	"BUSY":        "a script of another program keeps it busy",
	"NOAUTH":      "it wants a password: write the address as redis://USER:PASSWORD@HOST:6379",
	"WRONGPASS":   "user or password are wrong",
	"NOPERM":      "this user may not do that: allow it the commands and keys that docs/redis.md lists",
}

// refusal tells a server that cannot serve from one that was asked something wrong.
func refusal(err *rueidis.RedisError) (advice string, refused bool) {
	text := err.Error()
	if strings.Contains(text, "max number of clients reached") {
		return "it has no connection left: raise maxclients", true
	}
	word, _, _ := strings.Cut(text, " ")
	advice, refused = refusals[word]
	return advice, refused
}

// fault is an error of the client as callers see it: the one place where such errors
// are translated. If the caller's context has ended, that is the error.
func (s *Store) fault(ctx context.Context, err error) error {
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded // a network's timer may fire before the context's
	}
	switch {
	case err == nil:
		return nil
	case ended != nil:
		return ended
	case errors.Is(err, errRecord), errors.Is(err, errText):
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if answer, ok := errors.AsType[*rueidis.RedisError](err); ok {
		advice, refused := refusal(answer)
		if !refused {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		return fmt.Errorf("%w: %s: %w: %s", ErrUnavailable, s.name, err, advice)
	}
	// Whatever is no answer of Redis is of the way there.
	return fmt.Errorf("%w: %s: %v", ErrUnavailable, s.name, err)
}
