package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// storesBench is `bench stores`: one refresh, on every store that there is.
type storesBench struct {
	bench
	folder string
	naive  bool

	// synced says that each number of sessions is measured with rotations that are on
	// the disk before the answer, too: that can be compared between few and many.
	synced bool
}

// runStores measures each store that was asked for, with each number of sessions.
//
// Redis keeps what it was given for a week: let it be a server of its own, as
// scripts/servers.sh starts one.
//
// A store, the bare handler and the naive variant take turns, round by round, so
// that a machine that is busy for a while is so for all three.
func runStores(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("stores", flag.ExitOnError)
	only := flags.String("only", "", "the stores to measure, with commas: sqlite,postgres,mysql,redis,mongodb (default: those whose server the environment names, and for MongoDB a stand-in)")
	sizes := flags.String("sessions", "10000,1000000", "how many sessions there are, with commas; 10000000 needs 4 GB of disk for each store")
	round := flags.Duration("for", 5*time.Second, "how long each round of load lasts")
	rounds := flags.Int("rounds", 3, "how many rounds each figure is the median of")
	clients := flags.Int("clients", 64, "how many requests are under way at once")
	naive := flags.Bool("naive", true, "measure a variant with a statement for each look and each rotation, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var counts []int
	for text := range strings.SplitSeq(*sizes, ",") {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil || n < *clients {
			return fmt.Errorf("-sessions %q: each is a number, at least that of the clients", text)
		}
		counts = append(counts, n)
	}
	folder, err := os.MkdirTemp("", "watchword-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b := storesBench{bench{*round, *rounds, *clients, 0, filepath.Join(folder, "watchword")}, folder, *naive, slices.Min(counts) < resting}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program, "./cmd/watchword")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	fmt.Printf("%s, %d processors for server, database and clients together, %d clients, medians of %d rounds of %s\n",
		runtime.Version(), runtime.GOMAXPROCS(0), b.clients, b.rounds, b.round)
	fmt.Print("CPU is of the server alone; machine CPU is of everything, the clients too. Every refresh rotates.\n")
	for _, kind := range kinds {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), kind.name) {
			continue
		}
		if missing := kind.missing(); missing != "" {
			if *only != "" {
				return fmt.Errorf("%s: %s", kind.name, missing)
			}
			fmt.Printf("\n%s: SKIPPED: %s\n", kind.name, missing)
			continue
		}
		var rates []float64
		counts := kind.counts(counts, b.clients)
		for _, count := range counts {
			rate, err := b.store(ctx, kind, count)
			if errors.Is(err, errNoServer) && *only == "" {
				fmt.Printf("  SKIPPED: %v\n", err)
				break
			}
			if err != nil {
				return fmt.Errorf("%s, %d sessions: %w", kind.name, count, err)
			}
			rates = append(rates, rate)
		}
		if len(rates) > 1 && rates[0] > 0 {
			fmt.Printf("  %-44s %6.2f\n", fmt.Sprintf("ratio, %d sessions to %d", counts[len(counts)-1], counts[0]), rates[len(rates)-1]/rates[0])
		}
	}
	return nil
}

// contender is a server under load in turn with others.
type contender struct {
	name    string
	process *process
	worker  func(i int) work
	results []result
	machine []time.Duration // of each round, per answer
}

func (c *contender) median() result {
	slices.SortFunc(c.results, func(a, b result) int { return int(a.rate - b.rate) })
	return c.results[len(c.results)/2]
}

// store measures one store with so many sessions, and returns its refreshes a second.
func (b storesBench) store(ctx context.Context, kind kind, count int) (rate float64, err error) {
	fmt.Printf("\n%s, %d sessions\n", kind.name, count)
	db, err := kind.open(ctx, filepath.Join(b.folder, fmt.Sprintf("%s-%d", kind.name, count)))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.drop()) }()
	if db.about != "" {
		fmt.Printf("  %s\n", db.about)
	}
	metrics, err := freeAddress()
	if err != nil {
		return 0, err
	}
	for name, value := range db.environment {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	serve := func(minAge string) (*process, error) {
		return b.serve(ctx, db.folder, "--metrics-listen", metrics, "--min-token-age", minAge, "--pages", "off")
	}
	s, err := b.people(ctx, db, serve, count)
	if err != nil {
		return 0, err
	}
	held := b.wallet(s)
	// The clients come back to a session when they have been through all of them.
	minAge := "5s"
	switch relaxed := count >= resting; {
	case !relaxed && db.relaxedOnly:
		fmt.Printf("  SKIPPED: it takes only rotations that may be relaxed, so that each session rests 5s; that needs %d of them\n", resting)
		return 0, nil
	case relaxed:
		fmt.Print("  rotations are relaxed, the default: on the disk within seconds\n")
	default:
		minAge = "0s"
		fmt.Print("  rotations are on the disk before the answer (--min-token-age 0s): there are too few sessions to let each rest 5s\n")
	}

	p, err := serve(minAge)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	bare, err := b.bare(ctx)
	if err != nil {
		return 0, err
	}
	defer bare.stop()
	limit := &contender{name: "bare handler that only signs", process: bare, worker: func(i int) work {
		request := bearing("/sign")(s.token(i))
		return work{next: func() []byte { return request }, took: expect200}
	}}
	real := &contender{name: "refresh", process: p, worker: held.worker}
	all := []*contender{limit, real}
	if b.naive && db.naive != "" {
		q, err := b.simple(ctx, db, minAge)
		if err != nil {
			return 0, err
		}
		defer q.stop()
		all = append(all, &contender{name: "naive, a statement for each step", process: q, worker: held.worker})
	}
	if db.firstIsDear {
		first := &contender{name: "refresh, each session's first", process: p, worker: held.worker}
		if err := b.throughAll(ctx, first, held); err != nil {
			return 0, err
		}
		r := first.median()
		fmt.Printf("  %-44s %6.0f/s   p50 %6.2f ms   p99 %6.2f ms   CPU %4.0f µs\n", first.name, r.rate, ms(r.p50), ms(r.p99), micros(r.serverCPU))
	}
	if err := b.turns(all, b.clients); err != nil {
		return 0, err
	}
	refresh := real.median()
	for _, c := range all {
		b.line(c, limit)
	}
	if err := b.effort(ctx, all[1:], db, metrics); err != nil {
		return 0, err
	}
	if len(all) == 3 {
		fmt.Printf("  %-44s %6.2f\n", "ratio to the naive variant", refresh.rate/all[2].median().rate)
		if count/b.clients < restingAlone && minAge != "0s" {
			fmt.Printf("  with one client: SKIPPED: to let each of its sessions rest 5s it needs %d, and has %d\n", restingAlone, count/b.clients)
		} else if err := b.alone(all[1:]); err != nil {
			return 0, err
		}
	}
	table, index, err := db.size(ctx)
	if err != nil {
		return 0, err
	}
	if table > 0 {
		fmt.Printf("  %-44s %6.0f, and %.0f of indexes\n", "bytes a session", table/float64(count), index/float64(count))
	}
	if db.note != nil {
		if text := db.note(ctx); text != "" {
			fmt.Printf("  %s\n", text)
		}
	}
	if !b.synced || minAge == "0s" || db.relaxedOnly {
		return refresh.rate, nil
	}
	p.stop() // two on one folder are refused
	q, err := serve("0s")
	if err != nil {
		return 0, err
	}
	defer q.stop()
	durably := []*contender{{name: "refresh, on the disk before the answer", process: q, worker: held.worker}}
	if err := b.turns(durably, b.clients); err != nil {
		return 0, err
	}
	b.line(durably[0], limit)
	return durably[0].median().rate, nil
}

// resting is how many sessions let each rest five seconds before it is its turn again,
// if a machine is not faster than most.
const resting = 200_000

// restingAlone is how many do so for one client.
const restingAlone = 15_000

// people has the server set its database up, with a few users, and puts sessions of
// theirs into it.
func (b storesBench) people(ctx context.Context, db *database, serve func(string) (*process, error), count int) (seeds, error) {
	p, err := serve("5s")
	if err != nil {
		return seeds{}, err
	}
	for n := range 20 {
		if err := signUp(p.address, fmt.Sprintf("user%d", n)); err != nil {
			p.stop()
			return seeds{}, err
		}
	}
	if err := signIn(p.address, "user0"); err != nil { // a session to copy
		p.stop()
		return seeds{}, err
	}
	p.stop()
	s, err := newSeeds(count)
	if err != nil {
		return seeds{}, err
	}
	began := time.Now()
	fmt.Fprintf(os.Stderr, "… %d sessions are put into the database\n", count)
	if err := db.seed(ctx, s); err != nil {
		return seeds{}, fmt.Errorf("fill the database: %w", err)
	}
	fmt.Fprintf(os.Stderr, "… in %s\n", time.Since(began).Round(time.Second))
	return s, nil
}

// wallet is the refresh tokens that the clients hold: those of each client are its own.
type wallet struct {
	seeds   seeds
	clients int
	held    []map[int]string
	next    []int
}

func (b storesBench) wallet(s seeds) *wallet {
	w := &wallet{seeds: s, clients: b.clients, held: make([]map[int]string, b.clients), next: make([]int, b.clients)}
	for i := range w.held {
		w.held[i] = map[int]string{}
	}
	return w
}

// worker refreshes the client's sessions one after the other, in an order that says
// nothing to the database.
func (w *wallet) worker(i int) work {
	own := w.seeds.count / w.clients
	request := bearing("/api/auth/refreshtoken")
	now := 0
	return work{
		next: func() []byte {
			// A prime step visits all, unless their number is a multiple of it.
			now = (w.next[i]*7_919%own)*w.clients + i
			w.next[i]++
			token := w.held[i][now]
			if token == "" {
				token = w.seeds.token(now)
			}
			return request(token)
		},
		took: func(status int, body []byte) error {
			if err := expect200(status, body); err != nil {
				return err
			}
			token, err := refreshed(body)
			if err != nil {
				return err
			}
			if token == w.held[i][now] || token == w.seeds.token(now) {
				return errors.New("a refresh token was not rotated: the machine is too fast for so few sessions")
			}
			w.held[i][now] = token
			return nil
		},
	}
}

// throughAll lets each session be refreshed once.
func (b storesBench) throughAll(ctx context.Context, c *contender, held *wallet) error {
	for slices.Min(held.next) < held.seeds.count/held.clients {
		result, err := load(c.process.address, c.process.cmd.Process.Pid, b.clients, b.round, c.worker)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.results = append(c.results, result)
		fmt.Fprintf(os.Stderr, "… %d of %d sessions were refreshed for the first time\n", slices.Min(held.next)*held.clients, held.seeds.count)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// turns lets them take turns.
func (b storesBench) turns(all []*contender, clients int) error {
	for r := range b.rounds + 1 { // the first warms up
		for _, c := range all {
			busy := machineTime()
			result, err := load(c.process.address, c.process.cmd.Process.Pid, clients, b.round, c.worker)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			busy = machineTime() - busy
			if r == 0 {
				continue
			}
			c.results = append(c.results, result)
			c.machine = append(c.machine, time.Duration(float64(busy)/(result.rate*b.round.Seconds())))
		}
	}
	return nil
}

// effort prints what the database does for each, in a round of its own: servers tell
// what was done on a connection only when that has had nothing to do for a while.
func (b storesBench) effort(ctx context.Context, all []*contender, db *database, metrics string) error {
	for _, c := range all {
		before, err := db.counters(ctx, metrics)
		if err != nil {
			return err
		}
		result, err := load(c.process.address, c.process.cmd.Process.Pid, b.clients, b.round, c.worker)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		after, err := db.counters(ctx, metrics)
		if err != nil {
			return err
		}
		done, answers := after.since(before), result.rate*b.round.Seconds()
		if done.statements == 0 {
			continue // it does not tell
		}
		fmt.Printf("  %-44s %6.2f commits, %.2f statements", "per answer, "+c.name, done.commits/answers, done.statements/answers)
		if done.log > 0 {
			fmt.Printf(", %.0f bytes of log", done.log/answers)
		}
		fmt.Println()
	}
	return nil
}

// alone repeats it with one client, who has nobody to share a batch with.
func (b storesBench) alone(all []*contender) error {
	for _, c := range all {
		c.results, c.machine = nil, nil
	}
	if err := b.turns(all, 1); err != nil {
		return err
	}
	real, naive := all[0].median(), all[1].median()
	fmt.Printf("  %-44s %6.2f   (%.0f/s and %.0f/s)\n", "with one client, ratio to the naive variant", real.rate/naive.rate, real.rate, naive.rate)
	return nil
}

func (b storesBench) line(c, limit *contender) {
	r := c.median()
	slices.Sort(c.machine)
	fmt.Printf("  %-44s %6.0f/s   p50 %6.2f ms   p99 %6.2f ms   CPU %4.0f µs   machine CPU %4.0f µs   %4.2f of bare\n",
		c.name, r.rate, ms(r.p50), ms(r.p99), micros(r.serverCPU), micros(c.machine[len(c.machine)/2]), r.rate/limit.median().rate)
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
