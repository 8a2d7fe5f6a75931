//go:build linux

package fleet

import (
	"sync"
	"testing"
	"time"
)

// Three nodes share a database. Clients hop between them at random, several
// requests at once for each session, some with request keys and some without, while
// nodes are killed and started again. Nobody honest is signed out, what is ended
// stays ended on every node, and each token has one successor.
func TestNodesMayDieAtAnyMoment(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		nodesDie(t, []string{"WATCHWORD_DATABASE=" + newPostgres(t).address("")}, nil)
	})
	t.Run("postgres and redis", func(t *testing.T) {
		r := newRedis(t)
		nodesDie(t, []string{"WATCHWORD_DATABASE=" + newPostgres(t).address(""), "WATCHWORD_SESSIONS=" + r.address()}, r.dies)
	})
}

// nodesDie tells the story with settings in the environment. beside, if any, dies and
// comes back after each second node.
func nodesDie(t *testing.T, environ []string, beside func() error) {
	f := assembleWith(t, environ, "--min-token-age", "0s", "--retry-window", "1m")
	f.appoint()
	f.beside = beside
	c := newCrowd(f)
	c.once = true
	regular := c.join(2, true)[0].owner
	for i := range 6 {
		c.join(2, i%2 == 0)
	}
	kills := int64(8)
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
