// Command bench measures Watchword beside what limits it, in one run on one
// machine: the figures to trust are the ratios. It builds the program, starts it
// on a temporary folder, and loads it over loopback from the same processors, as
// it loads a bare handler that does nothing but the cryptography.
//
//	go run ./bench            all
//	go run ./bench -for 20s   longer rounds
//	go run ./bench stores     the stores, beside a naive variant of each
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	_ "modernc.org/sqlite"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "bare" {
		fmt.Fprintln(os.Stderr, bare(os.Args[2]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "naive":
			fmt.Fprintln(os.Stderr, naive(ctx, os.Args[2:]))
			os.Exit(1)
		case "stores":
			if err := runStores(ctx, os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				os.Exit(1)
			}
			return
		}
	}
	round := flag.Duration("for", 6*time.Second, "how long each round of load lasts")
	rounds := flag.Int("rounds", 3, "how many rounds each figure is the median of")
	clients := flag.Int("clients", 64, "how many requests are under way at once")
	many := flag.Int("sessions", 1_000_000, "how many sessions `many` is")
	flag.Parse()
	if err := run(ctx, bench{*round, *rounds, *clients, *many, ""}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	round    time.Duration
	rounds   int
	clients  int
	sessions int
	program  string
}

func run(ctx context.Context, b bench) error {
	folder, err := os.MkdirTemp("", "watchword-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b.program = filepath.Join(folder, "watchword")
	fmt.Printf("%s, %d processors, %d clients, rounds of %s, medians of %d\n\n", runtime.Version(), runtime.GOMAXPROCS(0), b.clients, b.round, b.rounds)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program, "./cmd/watchword")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	file, err := os.Stat(b.program)
	if err != nil {
		return err
	}
	fmt.Printf("%-52s %8.1f MB\n", "binary", float64(file.Size())/1e6)

	if err := b.rest(ctx, filepath.Join(folder, "rest")); err != nil {
		return err
	}
	if err := b.signIns(ctx, filepath.Join(folder, "signin")); err != nil {
		return err
	}
	if err := b.refreshes(ctx, filepath.Join(folder, "refresh"), b.sessions); err != nil {
		return err
	}
	few, err := b.durableRefreshes(ctx, filepath.Join(folder, "few"), 10_000)
	if err != nil {
		return err
	}
	lots, err := b.durableRefreshes(ctx, filepath.Join(folder, "many"), b.sessions)
	if err != nil {
		return err
	}
	fmt.Printf("%-52s %8.2f\n", "  ratio, many sessions to 10 thousand", lots/few)
	return nil
}

// tokenSecret is the key of refresh tokens in all measurements.
const tokenSecret = "6b1f0e5d9c3a784227f4d1a8e06b95c3f2d7481a9e5c60b37d8f12a4c695e0b7"

// serve starts the program on a folder.
func (b bench) serve(ctx context.Context, folder string, arguments ...string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	os.Setenv("REFRESH_TOKEN_SECRET", tokenSecret)
	return start(ctx, address, b.program, append([]string{"serve", "--data", folder, "--listen", address}, arguments...)...)
}

// rest measures the program that has nothing to do.
func (b bench) rest(ctx context.Context, folder string) error {
	var first []time.Duration
	for range 5 {
		p, err := b.serve(ctx, folder)
		if err != nil {
			return err
		}
		first = append(first, p.started)
		if len(first) == 5 {
			time.Sleep(2 * time.Second)
			now, _, err := memory(p.cmd.Process.Pid)
			if err != nil {
				return err
			}
			fmt.Printf("%-52s %8.1f MB\n", "resident memory, idle", float64(now)/1e6)
		}
		p.stop()
	}
	fmt.Printf("%-52s %8.0f ms\n", "start to first answer, new data folder", float64(first[0].Microseconds())/1e3)
	slices.Sort(first[1:])
	fmt.Printf("%-52s %8.0f ms\n", "start to first answer, median of four more", float64(first[2].Microseconds())/1e3)
	return nil
}

// signIns measures sign-in beside one bare Argon2id.
func (b bench) signIns(ctx context.Context, folder string) error {
	p, err := b.serve(ctx, folder)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := signUp(p.address, "ada"); err != nil {
		return err
	}
	limit, err := b.bare(ctx)
	if err != nil {
		return err
	}
	defer limit.stop()
	request := post("/api/auth/signin", `{"username":"ada","password":"correct horse battery"}`)
	same := func(request []byte) func(int) work {
		return func(int) work {
			return work{next: func() []byte { return request }, took: expect200}
		}
	}
	bareRate, err := b.median(limit, 4, same(post("/hash", `{"username":"ada","password":"correct horse battery"}`)))
	if err != nil {
		return err
	}
	rate, err := b.median(p, 4, same(request))
	if err != nil {
		return err
	}
	_, peak, err := memory(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.print("one bare Argon2id, 4 clients", bareRate)
	b.print("sign-in, 4 clients", rate)
	fmt.Printf("%-52s %8.2f\n", "  ratio", rate.rate/bareRate.rate)
	fmt.Printf("%-52s %8.1f MB\n", "  resident memory, peak", float64(peak)/1e6)
	return nil
}

// refreshes measures refresh beside a bare handler that only signs. Each session
// is refreshed once: a second time within the minimum age would not rotate.
func (b bench) refreshes(ctx context.Context, folder string, count int) error {
	p, s, err := b.seeded(ctx, folder, count)
	if err != nil {
		return err
	}
	defer p.stop()
	limit, err := b.bare(ctx)
	if err != nil {
		return err
	}
	defer limit.stop()
	bareRate, err := b.median(limit, b.clients, func(i int) work {
		request := bearing("/sign")(s.token(i))
		return work{next: func() []byte { return request }, took: expect200}
	})
	if err != nil {
		return err
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(count)
	used := make([]int, b.clients) // by each client, in all rounds
	rate, err := b.median(p, b.clients, func(i int) work {
		request := bearing("/api/auth/refreshtoken")
		return work{
			next: func() []byte {
				n := used[i]*b.clients + i
				used[i]++
				return request(s.token(order[n%count]))
			},
			took: expect200,
		}
	})
	if err != nil {
		return err
	}
	if slices.Max(used) > count/b.clients {
		return fmt.Errorf("%d sessions are too few for rounds of %s: some were refreshed twice", count, b.round)
	}
	b.print("a bare handler that only signs ES256", bareRate)
	b.print(fmt.Sprintf("refresh, SQLite, %d sessions", count), rate)
	fmt.Printf("%-52s %8.2f\n", "  ratio", rate.rate/bareRate.rate)
	return nil
}

// durableRefreshes measures refresh with a minimum age of nothing, where each
// rotation is on the disk before its answer, and one session may be refreshed
// over and over.
func (b bench) durableRefreshes(ctx context.Context, folder string, count int) (float64, error) {
	p, s, err := b.seeded(ctx, folder, count, "--min-token-age", "0s")
	if err != nil {
		return 0, err
	}
	defer p.stop()
	held := make([]map[int]string, b.clients)
	rate, err := b.median(p, b.clients, func(i int) work {
		if held[i] == nil {
			held[i] = map[int]string{}
		}
		random := rand.New(rand.NewPCG(uint64(i), 3))
		request := bearing("/api/auth/refreshtoken")
		var now int
		return work{
			next: func() []byte {
				now = random.IntN(count/b.clients)*b.clients + i
				token := held[i][now]
				if token == "" {
					token = s.token(now)
				}
				return request(token)
			},
			took: func(status int, body []byte) error {
				if err := expect200(status, body); err != nil {
					return err
				}
				next, err := refreshed(body)
				held[i][now] = next
				return err
			},
		}
	})
	if err != nil {
		return 0, err
	}
	b.print(fmt.Sprintf("refresh, each on the disk, %d sessions", count), rate)
	return rate.rate, nil
}

// seeded starts the program on a database with many sessions.
func (b bench) seeded(ctx context.Context, folder string, count int, arguments ...string) (*process, seeds, error) {
	p, err := b.serve(ctx, folder, arguments...)
	if err != nil {
		return nil, seeds{}, err
	}
	for n := range 20 {
		if err := signUp(p.address, fmt.Sprintf("user%d", n)); err != nil {
			p.stop()
			return nil, seeds{}, err
		}
	}
	p.stop()
	s, err := newSeeds(count)
	if err != nil {
		return nil, seeds{}, err
	}
	fmt.Fprintf(os.Stderr, "… %d sessions are put into the database\n", count)
	if err := s.fill(filepath.Join(folder, "watchword.db")); err != nil {
		return nil, seeds{}, fmt.Errorf("fill the database: %w", err)
	}
	p, err = b.serve(ctx, folder, arguments...)
	return p, s, err
}

// bare starts this program again as the limit.
func (b bench) bare(ctx context.Context) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, address, self, "bare", address)
}

// median is the round with the median rate.
func (b bench) median(p *process, clients int, worker func(i int) work) (result, error) {
	var results []result
	for range b.rounds {
		r, err := load(p.address, p.cmd.Process.Pid, clients, b.round, worker)
		if err != nil {
			return result{}, err
		}
		results = append(results, r)
	}
	slices.SortFunc(results, func(a, b result) int { return int(a.rate - b.rate) })
	return results[len(results)/2], nil
}

func (b bench) print(name string, r result) {
	fmt.Printf("%-52s %8.0f/s   p50 %6.2f ms   p99 %6.2f ms   longest %4.0f ms   server CPU %6.0f µs\n",
		name, r.rate, ms(r.p50), ms(r.p99), ms(r.longest), float64(r.serverCPU.Nanoseconds())/1e3)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func expect200(status int, body []byte) error {
	if status != 200 {
		return fmt.Errorf("status %d: %s", status, body)
	}
	return nil
}

func signUp(address, name string) error {
	return once(address, post("/api/auth/signup", fmt.Sprintf(`{"username":%q,"email":"%s@example.org","password":"correct horse battery"}`, name, name)))
}

// signIn begins a session from where those that are put into a database began.
func signIn(address, name string) error {
	request := post("/api/auth/signin", fmt.Sprintf(`{"username":%q,"password":"correct horse battery"}`, name))
	return once(address, bytes.Replace(request, []byte("\r\n"), []byte("\r\nUser-Agent: "+seedAgent+"\r\n"), 1))
}

// once sends one request on a connection of its own.
func once(address string, request []byte) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	status, body, err := c.do(request)
	if err != nil {
		return err
	}
	return expect200(status, body)
}
