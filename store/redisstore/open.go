package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// Options are what an operator may choose beside the address. The zero value is good.
type Options struct {
	Logger *slog.Logger // default: slog.Default

	// DurableRotations says that a rotation must be on the disk before Advance
	// returns. It is for a session.Policy whose MinAge is below session.SyncWithin. Redis
	// does that with appendfsync always; with other settings Open fails.
	DurableRotations bool
}

// Store is a session.Store in Redis. It is safe for concurrent use.
type Store struct {
	client  rueidis.Client
	name    string // in errors
	prefix  string // of all keys
	timeout time.Duration

	revokedByTime, revokedByExpiry string

	forgetting sync.Mutex
	horizon    horizon
}

// Open connects to Redis or Valkey, 6.2 or later, and looks at its settings.
//
// The address is redis://USER:PASSWORD@HOST:6379/DATABASE, or rediss:// for TLS;
// valkey:// and valkeys:// mean the same. A Cluster is recognised by itself; a few of its
// nodes are named, in case one is away, as redis://HOST:PORT?addr=HOST:PORT&addr=HOST:PORT.
// With master_set=NAME the address is that of a Sentinel, and addr names others.
//
//	timeout=5s          how long a call may take before it is ErrUnavailable
//	dial_timeout=5s     how long connecting may take
//	write_timeout=10s   after which a connection that is silent is given up
//	prefix=ww:          with what all keys begin
//	client_name=NAME    as CLIENT LIST shows it
//	ca_file, cert_file, key_file, skip_verify=true    of TLS
//
// Connections are shared by all callers, who send without waiting for one another: their number is
// fixed, and needs no setting.
func Open(ctx context.Context, address string, o Options) (*Store, error) {
	t, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	t.client.DisableCache = true
	t.client.AlwaysPipelining = true
	t.client.PipelineMultiplex = -1 // one connection: what goes out together is most then
	t.client.RetryDelay = retryDelay
	s := &Store{
		name: "Redis at " + t.client.InitAddress[0], prefix: t.prefix, timeout: t.timeout,
		revokedByTime: t.prefix + "{r}:at", revokedByExpiry: t.prefix + "{r}:expires",
	}
	if err := s.connect(ctx, t.client); err != nil {
		return nil, s.fault(ctx, err)
	}
	if err := s.survey(ctx, o); err != nil {
		s.client.Close()
		return nil, err
	}
	return s, nil
}

// connect makes the client, whose constructor knows no context: one that comes too late is closed.
func (s *Store) connect(ctx context.Context, o rueidis.ClientOption) error {
	type made struct {
		client rueidis.Client
		err    error
	}
	making := make(chan made, 1)
	go func() {
		client, err := rueidis.NewClient(o)
		making <- made{client, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case m := <-making:
		s.client = m.client
		return m.err
	case <-ctx.Done():
		go func() {
			if late := <-making; late.err == nil {
				late.client.Close()
			}
		}()
		return ctx.Err()
	}
}

// Close closes the connections. What is asked of the store afterwards fails.
func (s *Store) Close() error {
	s.client.Close()
	return nil
}

// ErrRelaxed is returned on opening a server that keeps less than it was asked for.
var ErrRelaxed = errors.New("the server answers before it has written to its disk")

// survey asks the servers what they keep, and says in the log what operators should know.
func (s *Store) survey(ctx context.Context, o Options) error {
	nodes, err := s.primaries(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		text, err := detached(ctx, s, func(ctx context.Context) (string, error) {
			return node.Do(ctx, node.B().Info().Build()).ToString()
		})
		if err != nil {
			return s.fault(ctx, err)
		}
		// Not everybody may ask for this; then it is not known.
		appendfsync := "unknown"
		settings, err := detached(ctx, s, func(ctx context.Context) (map[string]string, error) {
			return node.Do(ctx, node.B().ConfigGet().Parameter("appendfsync").Build()).AsStrMap()
		})
		if err == nil && settings["appendfsync"] != "" {
			appendfsync = settings["appendfsync"]
		}
		info := parseInfo(text)
		log := o.Logger.With("redis", s.name, "version", info["redis_version"], "port", info["tcp_port"])
		lasting := info["aof_enabled"] == "1"
		if !lasting {
			log.Warn("Redis keeps no append-only file: when it restarts it knows the sessions of its last snapshot, if any, and most users must sign in again; set appendonly yes")
		} else if appendfsync == "no" {
			log.Warn("Redis leaves it to the system when its append-only file reaches the disk; set appendfsync everysec")
		}
		if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
			log.Warn("Redis drops sessions when its memory is full, and users are signed out; set maxmemory-policy noeviction", "maxmemory-policy", policy)
		}
		if o.DurableRotations && (!lasting || appendfsync != "always") {
			return fmt.Errorf("%w: %s has appendfsync %s, and refresh tokens may be replaced within seconds: set appendonly yes and appendfsync always, or a longer --min-token-age",
				ErrRelaxed, s.name, appendfsync)
		}
	}
	return nil
}

// parseInfo reads the answer to INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
