package redisstore_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/nodetest"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/storetest"
)

// cluster is a Redis Cluster of the test's own. With replicas, node 3 + n is that of node n.
type cluster struct {
	nodes []*servertest.Redis
}

func launchCluster(t *testing.T, replicas bool) *cluster {
	t.Helper()
	size := 3
	if replicas {
		size = 6
	}
	c := &cluster{}
	arguments := []string{"--cluster", "create"}
	for range size {
		// A replica is promoted when the test says so.
		m := servertest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", servertest.FreePort(t), "--cluster-node-timeout", "60000", "--appendonly", "yes")
		c.nodes = append(c.nodes, m)
		arguments = append(arguments, m.Host())
	}
	arguments = append(arguments, "--cluster-yes")
	if replicas {
		arguments = append(arguments, "--cluster-replicas", "1")
	}
	run(t, "redis-cli", arguments...)
	for _, m := range c.nodes {
		eventually(t, "the Cluster forms", func() bool { return strings.Contains(c.info(t, m), "cluster_state:ok") })
	}
	return c
}

func (c *cluster) address() string {
	address := c.nodes[0].Address() + "?timeout=2s"
	for _, m := range c.nodes[1:] {
		address += "&addr=" + m.Host()
	}
	return address
}

// info is what a node says of its Cluster.
func (c *cluster) info(t *testing.T, m *servertest.Redis) string {
	t.Helper()
	return run(t, "redis-cli", "-p", m.Port, "cluster", "info")
}

// pairs are the primaries and their replicas.
func (c *cluster) pairs(t *testing.T) map[*servertest.Redis]*servertest.Redis {
	t.Helper()
	pairs := map[*servertest.Redis]*servertest.Redis{}
	for _, primary := range c.nodes {
		for _, replica := range c.nodes {
			role := run(t, "redis-cli", "-p", replica.Port, "role")
			if fields := strings.Fields(role); fields[0] == "slave" && fields[2] == primary.Port {
				pairs[primary] = replica
			}
		}
	}
	return pairs
}

func run(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// While slots move from node to node nobody notices anything.
func TestSlotsMayMove(t *testing.T) {
	t.Parallel()
	c := launchCluster(t, false)
	shared, durable := c.address(), database(t)
	var ids []string
	for _, m := range c.nodes {
		ids = append(ids, strings.TrimSpace(run(t, "redis-cli", "-p", m.Port, "cluster", "myid")))
	}
	moved := make(chan int, 1)
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	defer end()
	go func() {
		n := 0
		defer func() { moved <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			output, err := exec.Command("redis-cli", "--cluster", "reshard", c.nodes[0].Host(),
				"--cluster-from", ids[n%3], "--cluster-to", ids[(n+1)%3], "--cluster-slots", "1500", "--cluster-yes").CombinedOutput()
			if err != nil && strings.Contains(string(output), "Nodes don't agree") {
				time.Sleep(100 * time.Millisecond) // they have not all heard of the last move
				continue
			}
			if err != nil {
				t.Errorf("reshard: %v\n%s", err, output)
				return
			}
			n++
		}
	}()
	for range 4 {
		storetest.Linearizable(t, nodetest.InTurn(withLedger(connect(t, shared), durable), withLedger(connect(t, shared), durable)))
	}
	end()
	if n := <-moved; n == 0 {
		t.Error("no slot moved")
	}
}

// TestAFailoverBringsBackNothing promotes replicas that have heard nothing of the last
// writes: the primaries acknowledged them, and died.
func TestAFailoverBringsBackNothing(t *testing.T) {
	t.Parallel()
	c := launchCluster(t, true)
	durable := database(t)
	bare, other := connect(t, c.address()), connect(t, c.address())
	nodes := nodetest.InTurn(withLedger(bare, durable), withLedger(other, durable))

	const many = 60
	var revoked, rotated, begun []session.Session
	for range many {
		for _, list := range []*[]session.Session{&revoked, &rotated} {
			s := birth(account.ID{1})
			if err := nodes.Begin(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			*list = append(*list, s)
		}
	}
	pairs := c.pairs(t)
	for primary, replica := range pairs {
		run(t, "redis-cli", "-p", primary.Port, "wait", "1", "5000")
		// A replica that neither hears nor comes back for what it missed.
		if err := replica.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		run(t, "redis-cli", "-p", primary.Port, "client", "kill", "type", "replica")
	}

	tombstone := session.Tombstone{At: time.Now().UTC().Truncate(time.Microsecond), Reason: session.SignedOut}
	for i := range many {
		if did, err := nodes.Revoke(t.Context(), revoked[i].ID, tombstone); !did || err != nil {
			t.Fatal(did, err)
		}
		next := following(rotated[i].Register)
		if did, err := nodes.Advance(t.Context(), rotated[i].ID, 1, next); !did || err != nil {
			t.Fatal(did, err)
		}
		rotated[i].Register = next
		s := birth(account.ID{2})
		if err := nodes.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		begun = append(begun, s)
	}
	for primary, replica := range pairs {
		primary.Kill()
		if err := replica.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		run(t, "redis-cli", "-p", replica.Port, "cluster", "failover", "takeover")
	}
	eventually(t, "the replicas serve", func() bool {
		for _, replica := range pairs {
			if !strings.Contains(c.info(t, replica), "cluster_state:ok") {
				return false
			}
		}
		// Every slot, for either client: until it knows better it asks the dead.
		for _, store := range []session.Store{bare, other} {
			for _, s := range slices.Concat(revoked, rotated, begun) {
				if _, err := store.Find(t.Context(), s.ID); err != nil && !errors.Is(err, session.ErrNotFound) {
					return false
				}
			}
		}
		return bare.Begin(t.Context(), birth(account.ID{3})) == nil
	})

	lost := 0
	for _, s := range revoked {
		if found, err := bare.Find(t.Context(), s.ID); err == nil && !found.Revoked() {
			lost++
		}
		for from := range uint64(3) {
			if did, err := nodes.Advance(t.Context(), s.ID, from, following(s.Register)); did || err != nil {
				t.Errorf("after its revocation Advance = %v, %v", did, err)
			}
		}
		if found, err := nodes.Find(t.Context(), s.ID); err != nil || found.Tombstone != tombstone {
			t.Errorf("after its revocation Find = %v, %v", found.Tombstone, err)
		}
	}
	for _, s := range begun {
		if _, err := nodes.Find(t.Context(), s.ID); err != nil {
			t.Errorf("a session that had begun: %v", err)
		}
	}
	for _, s := range rotated {
		found, err := nodes.Find(t.Context(), s.ID)
		if err != nil || found.Generation != 1 {
			t.Errorf("a session whose rotation was lost: %d, %v", found.Generation, err)
			continue
		}
		// Its owner comes with the token of generation 2, and the rule heals it.
		if did, err := nodes.Advance(t.Context(), s.ID, 1, s.Register); !did || err != nil {
			t.Errorf("to heal it: %v, %v", did, err)
		}
	}
	if lost != many {
		t.Errorf("of %d revocations the replicas missed %d: the test shows less than it should", many, lost)
	}
}
