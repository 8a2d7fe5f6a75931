//go:build linux

package fleet

import (
	"sync"
	"testing"
	"time"
)

// Three nodes share a database. Clients hop between them at random, several
// requests at once for each session, some with request keys and some without, while
// nodes are killed and started again, and with each second one the server that
// keeps the sessions. People sign up, sign in, sign out and are blocked meanwhile.
// Nobody honest is signed out, what was acknowledged holds on every node, and each
// token has one successor.
func TestNodesMayDieAtAnyMoment(t *testing.T) {
	for name, prepare := range map[string]func(t testing.TB) server{
		"postgres": func(t testing.TB) server { return newPostgres(t) },
		"mariadb":  func(t testing.TB) server { return newMariaDB(t) },
		"mongodb":  func(t testing.TB) server { return newMongoDB(t) },
		"redis":    func(t testing.TB) server { return newRedis(t, "always") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodesDie(t, prepare(t))
		})
	}
}

func nodesDie(t *testing.T, s server) {
	f := assembleWith(t, s.environ(), "--min-token-age", "0s", "--retry-window", "1m")
	f.beside = s
	f.appoint()
	c := newCrowd(f)
	c.once = true
	regular := c.join(2, true)[0].owner
	for i := range 6 {
		c.join(2, i%2 == 0)
	}
	kills := int64(6)
	if testing.Short() {
		kills = 3
	}
	done := make(chan struct{})
	c.killing(&c.answers, 100, func() {
		var busy sync.WaitGroup
		live := func(d *device) { busy.Go(func() { c.live(done, d, 3, 150*time.Millisecond) }) }
		for _, d := range c.all() {
			live(d)
		}
		busy.Go(func() {
			defer close(done)
			for turn := 0; c.kills.Load() < kills && !t.Failed(); turn++ {
				time.Sleep(100 * time.Millisecond)
				d := c.alive()
				switch {
				case turn%6 == 3:
					live(c.join(1, turn%4 == 1)[0])
				case d == nil || turn%3 == 0:
					live(c.begin(regular, turn%2 == 0))
				case turn%9 == 4 && d.owner != regular:
					c.block(d)
				default:
					c.end(d)
				}
			}
		})
		busy.Wait()
	})
	c.promises(t)
	if c.revoked.Load() == 0 || c.afterwards.Load() == 0 || c.refreshed.Load() < 100 {
		t.Error("too little happened for a proof")
	}
}
