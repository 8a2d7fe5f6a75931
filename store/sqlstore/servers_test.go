package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// server is the address of a database server, from the environment. Without one
// the test is skipped, unless WATCHWORD_TEST_REQUIRE names the store.
func server(t testing.TB, name, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	switch {
	case address != "":
	case slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), name):
		t.Fatalf("%s is required, and %s does not say where it is", name, variable)
	default:
		t.Skipf("SKIPPED: %s is not tested, since %s does not say where it is", name, variable)
	}
	return address
}

// execute executes statements on a server, outside of the store.
func execute(t testing.TB, driver, address string, statements ...string) {
	t.Helper()
	raw, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, statement := range statements {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// remote is a kind of server, and how to have an empty database on it.
type remote struct {
	open  func(ctx context.Context, address string, o sqlstore.Options) (*sqlstore.DB, error)
	empty func(t testing.TB) string // the address of an empty database
}

var remotes = map[string]remote{
	"postgres": {sqlstore.OpenPostgres, func(t testing.TB) string {
		address, err := url.Parse(server(t, "postgres", "WATCHWORD_TEST_POSTGRES_URL"))
		if err != nil {
			t.Fatal(err)
		}
		schema := "watchword_" + strings.ToLower(rand.Text())
		execute(t, "pgx", address.String(), "CREATE SCHEMA "+schema)
		t.Cleanup(func() { execute(t, "pgx", address.String(), "DROP SCHEMA "+schema+" CASCADE") })
		q := address.Query()
		q.Set("search_path", schema)
		own := *address
		own.RawQuery = q.Encode()
		return own.String()
	}},
	"mysql": {sqlstore.OpenMySQL, func(t testing.TB) string {
		address := server(t, "mysql", "WATCHWORD_TEST_MYSQL_URL")
		database := "watchword_" + strings.ToLower(rand.Text())
		// A database whose collation takes names for equal that are not.
		execute(t, "mysql", address, "CREATE DATABASE "+database+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
		t.Cleanup(func() { execute(t, "mysql", address, "DROP DATABASE "+database) })
		base, query, _ := strings.Cut(address, "?")
		return base[:strings.LastIndexByte(base, '/')+1] + database + "?" + query
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
		storetest.Run(t, func(t testing.TB) store.Set { return r.connect(t, r.empty(t)).Set() })
	})
}

// Two nodes that share a database are as good as one.
func TestTwoNodesConform(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		r.empty(t)
		storetest.Sessions(t, func(t testing.TB) session.Store {
			address := r.empty(t)
			return &nodes{all: []session.Store{r.connect(t, address).Set().Sessions, r.connect(t, address).Set().Sessions}}
		})
	})
}

func TestTwoNodesAreLinearizable(t *testing.T) {
	t.Parallel()
	eachRemote(t, func(t *testing.T, r remote) {
		address := r.empty(t)
		storetest.Linearizable(t, &nodes{all: []session.Store{r.connect(t, address).Set().Sessions, r.connect(t, address).Set().Sessions}})
	})
}

// nodes asks one node after the other.
type nodes struct {
	all  []session.Store
	turn atomic.Uint64
}

func (n *nodes) next() session.Store { return n.all[n.turn.Add(1)%uint64(len(n.all))] }

func (n *nodes) Begin(ctx context.Context, s session.Session) error { return n.next().Begin(ctx, s) }

func (n *nodes) Find(ctx context.Context, id session.ID) (session.Session, error) {
	return n.next().Find(ctx, id)
}

func (n *nodes) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	return n.next().Advance(ctx, id, from, next)
}

func (n *nodes) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	return n.next().Revoke(ctx, id, t)
}

func (n *nodes) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	return n.next().RevokeUser(ctx, user, except, t)
}

func (n *nodes) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	return n.next().ByUser(ctx, user, now)
}

func (n *nodes) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	return n.next().RevokedSince(ctx, at)
}

func (n *nodes) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	return n.next().List(ctx, q)
}

func (n *nodes) Count(ctx context.Context, now time.Time) (int, error) {
	return n.next().Count(ctx, now)
}

func (n *nodes) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	return n.next().Forget(ctx, before, limit)
}
