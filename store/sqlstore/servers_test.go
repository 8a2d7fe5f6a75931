package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/internal/nodetest"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// remote is a kind of server, and how to have an empty database on it.
type remote struct {
	driver string
	open   func(ctx context.Context, address string, o sqlstore.Options) (*sqlstore.DB, error)
	empty  func(t testing.TB) string // the address of an empty database
}

var remotes = map[string]remote{
	"postgres": {"pgx", sqlstore.OpenPostgres, func(t testing.TB) string {
		return servertest.EmptyPostgres(t, servertest.Address(t, "postgres", "WATCHWORD_TEST_POSTGRES_URL"))
	}},
	"mysql": {"mysql", sqlstore.OpenMySQL, func(t testing.TB) string {
		return servertest.EmptyMySQL(t, servertest.Address(t, "mysql", "WATCHWORD_TEST_MYSQL_URL"))
	}},
}

// connect opens a node of the database at an address.
func (r remote) connect(t testing.TB, address string) *sqlstore.DB {
	t.Helper()
	db, err := r.open(t.Context(), address, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// eachRemote runs a test on each kind of server.
func eachRemote(t *testing.T, test func(t *testing.T, r remote)) {
	t.Helper()
	for name, r := range remotes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, r)
		})
	}
}

func TestRemoteConformance(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		r.empty(t) // skips the whole, not each part
		open := func(t testing.TB) store.Set { return r.connect(t, r.empty(t)).Set() }
		storetest.Run(t, open)
		storetest.Steps(t, open)
	})
}

// Two nodes that share a database are as good as one.
func TestTwoNodesConform(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		r.empty(t)
		storetest.Sessions(t, func(t testing.TB) session.Store {
			address := r.empty(t)
			return nodetest.InTurn(r.connect(t, address).Set().Sessions, r.connect(t, address).Set().Sessions)
		})
	})
}

func TestTwoNodesAreLinearizable(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		address := r.empty(t)
		storetest.Linearizable(t, nodetest.InTurn(r.connect(t, address).Set().Sessions, r.connect(t, address).Set().Sessions))
	})
}

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	const secret = "correct-horse"
	for name, open := range map[string]func() (*sqlstore.DB, error){
		"postgres": func() (*sqlstore.DB, error) {
			return sqlstore.OpenPostgres(t.Context(), "postgres://user:"+secret+"@"+host+"/watchword?sslmode=disable", sqlstore.Options{})
		},
		"mysql": func() (*sqlstore.DB, error) {
			return sqlstore.OpenMySQL(t.Context(), "user:"+secret+"@tcp("+host+")/watchword", sqlstore.Options{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := open()
			if db != nil || !errors.Is(err, sqlstore.ErrUnavailable) || !strings.Contains(err.Error(), host) {
				t.Errorf("open = %v, %v; want %v, and where", db, err, sqlstore.ErrUnavailable)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestNodesMakeOneDatabaseTogether(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		address := r.empty(t)
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				db, err := r.open(t.Context(), address, sqlstore.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		r.connect(t, address) // the tables are there, and of one version
	})
}

func TestANewerServerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		address := r.empty(t)
		if err := r.connect(t, address).Close(); err != nil {
			t.Fatal(err)
		}
		servertest.Execute(t, r.driver, address, `INSERT INTO watchword_versions (version, name) VALUES (99, 'from the future')`)
		if _, err := r.open(t.Context(), address, sqlstore.Options{}); !errors.Is(err, sqlstore.ErrNewer) {
			t.Errorf("open = %v, want %v", err, sqlstore.ErrNewer)
		}
	})
}

func TestRotationsOnPostgresAreHeapOnly(t *testing.T) {
	t.Parallel()
	r := remotes["postgres"]
	address := r.empty(t)
	db := r.connect(t, address)
	s := birth(randomID())
	if err := db.Set().Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	const times = 200
	if err := rotateTimes(db.Set().Sessions, s.ID, times); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open(r.driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	// The server counts with a delay, unless the connections that changed something have ended.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var updated, hot int
	for start := time.Now(); updated < times; time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("the server tells of %d updates, want %d", updated, times)
		}
		err := raw.QueryRowContext(t.Context(), `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'watchword_sessions'::regclass`).Scan(&updated, &hot)
		if err != nil {
			t.Fatal(err)
		}
	}
	// One column in an index would make it none. A transaction elsewhere may keep
	// old rows alive, until a page has no room for another.
	if hot < updated/2 {
		t.Errorf("%d of %d updates were heap-only", hot, updated)
	}
}

// line is a connection to a server that can be cut.
type line struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

// newLine forwards to a server until the test ends.
func newLine(t *testing.T, server string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, server: server}
	t.Cleanup(func() { listener.Close(); l.set(true) })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", l.server)
			if err != nil {
				near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			if l.cut {
				near.Close()
				far.Close()
			}
			l.mu.Unlock()
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					io.Copy(ends[0], ends[1])
					ends[0].Close()
				}()
			}
		}
	}()
	return l
}

// set cuts the line, or mends it.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

func TestAServerMayGoAwayAndComeBack(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		address := r.empty(t)
		host := regexp.MustCompile(`[0-9.]+:[0-9]+`).FindString(address)
		l := newLine(t, host)
		set := r.connect(t, strings.Replace(address, host, l.listener.Addr().String(), 1)).Set()
		s := birth(randomID())
		if err := set.Sessions.Begin(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		l.set(true)
		for verb, err := range map[string]error{
			"Begin":  set.Sessions.Begin(t.Context(), birth(randomID())),
			"Find":   func() error { _, err := set.Sessions.Find(t.Context(), s.ID); return err }(),
			"Revoke": func() error { _, err := set.Sessions.Revoke(t.Context(), s.ID, session.Tombstone{}); return err }(),
			"Advance": func() error {
				_, err := set.Sessions.Advance(t.Context(), s.ID, 1, s.Register)
				return err
			}(),
			"RevokeUser": func() error {
				_, err := set.Sessions.RevokeUser(t.Context(), s.UserID, session.ID{}, session.Tombstone{})
				return err
			}(),
			"FindByUsername": func() error { _, err := set.Users.FindByUsername(t.Context(), "anna"); return err }(),
		} {
			if !errors.Is(err, sqlstore.ErrUnavailable) {
				t.Errorf("while it is away %s = %v, want %v", verb, err, sqlstore.ErrUnavailable)
			}
		}
		l.set(false)
		if err := rotateTimes(set.Sessions, s.ID, 1); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	})
}
