package redisstore_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/nodetest"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/redisstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// servers are the kinds of servers, and who tells where they are.
var servers = map[string]string{
	"redis":         "WATCHWORD_TEST_REDIS_URL",
	"redis-cluster": "WATCHWORD_TEST_REDIS_CLUSTER_URL",
}

// eachServer runs a test on each kind of server.
func eachServer(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	for name, variable := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, servertest.Address(t, "redis", variable))
		})
	}
}

// with adds a parameter to an address.
func with(t testing.TB, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// empty is the address of a store without sessions on a server; it is emptied again.
func empty(t testing.TB, address string) string {
	t.Helper()
	prefix := rand.Text() + ":"
	t.Cleanup(func() { erase(t, address, prefix) })
	return with(t, address, "prefix", prefix)
}

// raw is a client of its own.
func raw(t testing.TB, address string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(address) // which looks over what it does not know
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// keys are all keys that begin so.
func keys(t testing.TB, client rueidis.Client, prefix string) (found []string) {
	t.Helper()
	for _, node := range client.Nodes() {
		for cursor := uint64(0); ; {
			entry, err := node.Do(context.Background(), node.B().Scan().Cursor(cursor).Match(prefix+"*").Count(1000).Build()).AsScanEntry()
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, entry.Elements...)
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
		}
	}
	return found
}

func erase(t testing.TB, address, prefix string) {
	t.Helper()
	client := raw(t, address)
	defer client.Close()
	for _, key := range keys(t, client, prefix) {
		if err := client.Do(context.Background(), client.B().Del().Key(key).Build()).Error(); err != nil {
			t.Error(err)
		}
	}
}

func connect(t testing.TB, address string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), address, redisstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		storetest.Sessions(t, func(t testing.TB) session.Store { return connect(t, empty(t, address)) })
	})
}

// Two nodes that share a server are as good as one.
func TestTwoNodesConform(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		storetest.Sessions(t, func(t testing.TB) session.Store {
			shared := empty(t, address)
			return nodetest.InTurn(connect(t, shared), connect(t, shared))
		})
	})
}

func TestTwoNodesAreLinearizable(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		shared := empty(t, address)
		storetest.Linearizable(t, nodetest.InTurn(connect(t, shared), connect(t, shared)))
	})
}

// birth is a new session of a user.
func birth(user account.ID) session.Session {
	at := time.Now().UTC().Truncate(time.Microsecond)
	s := session.Session{
		UserID: user, ClientID: "web", Delivery: session.Cookie, CreatedAt: at, ExpiresAt: at.Add(30 * 24 * time.Hour),
		Birth: session.Origin{IP: "192.0.2.17", UserAgent: userAgent},
		Register: session.Register{
			Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(7 * 24 * time.Hour),
			LastSeen: session.Origin{IP: "192.0.2.17", UserAgent: userAgent},
		},
	}
	rand.Read(s.ID[:])
	return s
}

// userAgent is of a usual length, since it is half of a session.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"

// following is the register of the next generation.
func following(r session.Register) session.Register {
	r.Generation++
	r.RotatedAt = time.Now().UTC().Truncate(time.Microsecond)
	r.EmittedAt, r.IdleUntil = r.RotatedAt, r.RotatedAt.Add(7*24*time.Hour)
	rand.Read(r.RequestKey[:])
	return r
}

// prefixOf is what the keys of a store begin with.
func prefixOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("prefix")
}
