package redisstore_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/nodetest"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/redisstore"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// database is where a ledger is kept.
func database(t testing.TB) session.Store {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "users.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db.Set().Sessions
}

func withLedger(fast, durable session.Store) session.Store {
	return ledger.Keep(fast, durable, ledger.Options{Logger: slog.New(slog.DiscardHandler)})
}

func TestConformanceWithALedger(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		storetest.Sessions(t, func(t testing.TB) session.Store {
			shared, durable := empty(t, address), database(t)
			return nodetest.InTurn(withLedger(connect(t, shared), durable), withLedger(connect(t, shared), durable))
		})
	})
}

func TestTwoNodesWithALedgerAreLinearizable(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		shared, durable := empty(t, address), database(t)
		storetest.Linearizable(t, nodetest.InTurn(withLedger(connect(t, shared), durable), withLedger(connect(t, shared), durable)))
	})
}

// life is a session, and what was acknowledged of it.
type life struct {
	session.Session
	rotated time.Time // when
	begun   bool
	ended   bool // acknowledged
	asked   bool // the end was asked for: it may have happened
}

// TestNothingAcknowledgedIsLostInAPowerCut kills Redis under load, takes from its
// append-only file what was not on the disk for sure with appendfsync everysec, and
// starts it again. With the ledger no revocation that was acknowledged is lost, no session is that
// had begun, and of its rotations at most the last.
func TestNothingAcknowledgedIsLostInAPowerCut(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	durable := database(t)
	one, two := connect(t, m.Address()+"?timeout=5s"), connect(t, m.Address()+"?timeout=5s")
	nodes := nodetest.InTurn(withLedger(one, durable), withLedger(two, durable))

	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	const workers = 8
	lives := make([][]*life, workers)
	lostRevocations, lostBirths, lostRotations := 0, 0, 0
	for range rounds {
		stop := make(chan struct{})
		end := sync.OnceFunc(func() { close(stop) })
		defer end()
		var group sync.WaitGroup
		for worker := range workers {
			group.Go(func() { lives[worker] = live(t, nodes, stop, lives[worker]) })
		}
		// What is written from here on is lost.
		time.Sleep(400 * time.Millisecond)
		kept := logSize(t, m)
		time.Sleep(600 * time.Millisecond)
		m.Kill()
		end()
		group.Wait()
		cutLog(t, m, kept+rand.Int64N(200))
		m.Start(t)

		for _, all := range lives {
			for _, l := range all {
				bare, err := one.Find(t.Context(), l.ID)
				switch {
				case errors.Is(err, session.ErrNotFound):
					lostBirths++
				case err != nil:
					t.Fatal(err)
				case l.ended && !bare.Revoked():
					lostRevocations++
				case bare.Generation < l.Generation:
					lostRotations++
				}
				check(t, nodes, l)
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("Redis lost %d revocations, %d births and %d rotations that were acknowledged", lostRevocations, lostBirths, lostRotations)
	if lostRevocations == 0 || lostBirths == 0 || lostRotations == 0 {
		t.Error("nothing was at stake")
	}
}

// apart is how far a session's birth and its rotations are: farther than what a crash
// loses, as the rule has it by MinAge.
const apart = 3 * time.Second

// live begins, rotates and ends sessions until it is told to stop.
func live(t *testing.T, s session.Store, stop <-chan struct{}, lives []*life) []*life {
	ctx := t.Context()
	user := account.ID{byte(rand.Uint32()), 1}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return lives
		case <-time.After(2 * time.Millisecond): // a bounded crowd
		}
		l := &life{Session: birth(user)}
		if n%3 != 0 && len(lives) > 0 {
			l = lives[rand.IntN(len(lives))]
		}
		switch {
		case !l.begun:
			if s.Begin(ctx, l.Session) == nil {
				l.begun, l.rotated = true, time.Now()
				lives = append(lives, l)
			}
		case l.asked:
		case rand.IntN(4) == 0:
			l.asked = true
			did, err := s.Revoke(ctx, l.ID, session.Tombstone{At: time.Now(), Reason: session.SignedOut})
			l.ended = did && err == nil
		case time.Since(l.rotated) > apart:
			next := following(l.Register)
			if did, err := s.Advance(ctx, l.ID, l.Generation, next); err == nil && did {
				l.Register, l.rotated = next, time.Now()
			} else if err != nil { // it may have happened: the client asks again, and knows
				l.rotated = time.Now()
			}
		}
	}
}

// check holds the stores to what they acknowledged.
func check(t *testing.T, s session.Store, l *life) {
	t.Helper()
	found, err := s.Find(t.Context(), l.ID)
	if err != nil {
		t.Errorf("a session that had begun: %v", err)
		return
	}
	switch {
	case l.ended:
		if !found.Revoked() {
			t.Error("a revocation that was acknowledged is lost")
		}
		for from := range l.Generation + 1 {
			if did, err := s.Advance(t.Context(), l.ID, from, following(l.Register)); did || err != nil {
				t.Errorf("after its revocation Advance = %v, %v", did, err)
			}
		}
	case found.Revoked() && !l.asked:
		t.Error("a session ended that nobody ended")
	case l.Generation > found.Generation+1:
		t.Errorf("a client holds a token of generation %d, and %d is kept: that is more than the rule heals", l.Generation, found.Generation)
	}
	l.ended = l.ended || found.Revoked()
	if !l.ended && found.Generation >= l.Generation {
		l.Register = found.Register
	} else if !l.ended { // its owner comes, and heals it
		if did, err := s.Advance(t.Context(), l.ID, found.Generation, l.Register); !did || err != nil {
			t.Errorf("to heal it: %v, %v", did, err)
		}
		l.rotated = time.Now()
	}
}

// logOf is the append-only file that is being written.
func logOf(t *testing.T, m *servertest.Redis) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(m.Folder, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no append-only file: %v", err)
	}
	return files[len(files)-1]
}

func logSize(t *testing.T, m *servertest.Redis) int64 {
	t.Helper()
	info, err := os.Stat(logOf(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// cutLog takes from the file what did not reach the disk.
func cutLog(t *testing.T, m *servertest.Redis, size int64) {
	t.Helper()
	if err := os.Truncate(logOf(t, m), min(size, logSize(t, m))); err != nil {
		t.Fatal(err)
	}
}

// With appendfsync always the store keeps the contract alone, without a ledger.
func TestWithAppendfsyncAlwaysAKillLosesNothing(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := connect(t, m.Address()+"?timeout=5s")
	var lives []*life
	for range 4 {
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			lives = live(t, s, stop, lives)
		}()
		time.Sleep(200 * time.Millisecond)
		m.Kill()
		close(stop)
		<-done
		m.Start(t)
		for _, l := range lives {
			check(t, s, l)
		}
	}
	if len(lives) == 0 {
		t.Error("nothing was at stake")
	}
}

var _ session.Store = (*redisstore.Store)(nil)
