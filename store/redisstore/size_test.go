package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// A session with a user agent of 101 bytes, and three sessions of each user.
func TestASessionIsSmall(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t)
	s := connect(t, m.Address())
	client := raw(t, m.Address())
	defer client.Close()
	const n = 20_000
	before := used(t, client)
	ids := fill(t, s, n)
	all := (used(t, client) - before) / n
	one, err := client.Do(t.Context(), client.B().MemoryUsage().Key("ww:s:"+string(ids[0][:])).Build()).AsInt64()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a session takes %d bytes by MEMORY USAGE, and %d with its place in the tables of keys and in its user's index", one, all)
	if one > 320 || all > 500 {
		t.Error("that is more than docs/redis.md says")
	}
}

// used is the memory that all nodes use.
func used(b testing.TB, client rueidis.Client) (sum int64) {
	b.Helper()
	for _, node := range client.Nodes() {
		text, err := node.Do(context.Background(), node.B().Info().Section("memory").Build()).ToString()
		if err != nil {
			b.Fatal(err)
		}
		var n int64
		for _, line := range strings.Split(text, "\n") {
			if _, err := fmt.Sscanf(line, "used_memory:%d", &n); err == nil {
				sum += n
			}
		}
	}
	return sum
}
