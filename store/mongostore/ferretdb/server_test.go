package ferretdb

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/FerretDB/FerretDB/ferretdb"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/mongostore"
)

// ferret is where FerretDB listens.
var ferret string

func TestMain(m *testing.M) { os.Exit(withServer(m)) }

// withServer runs the tests with FerretDB beside them, in this process.
func withServer(m *testing.M) int {
	folder, err := os.MkdirTemp("", "watchword-ferretdb-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.DiscardHandler),
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	address, err := url.Parse(server.MongoDBURI())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ferret = address.Host
	return m.Run()
}

// backend is a kind of server, and how to have an empty database on it.
type backend struct {
	name  string
	empty func(t testing.TB) string // the address of an empty database
}

var backends = []backend{
	{"FerretDB", func(t testing.TB) string { return emptyOn(t, newRelay(t, ferret)) }},
	{"MongoDB", func(t testing.TB) string {
		address := os.Getenv("WATCHWORD_TEST_MONGODB_URL")
		switch {
		case address != "":
		case slices.Contains(strings.Split(os.Getenv("WATCHWORD_TEST_REQUIRE"), ","), "mongodb"):
			t.Fatal("mongodb is required, and WATCHWORD_TEST_MONGODB_URL does not say where it is")
		default:
			t.Skip("SKIPPED: a real MongoDB is not tested, since WATCHWORD_TEST_MONGODB_URL does not say where one is")
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + newName()
		drops(t, u.String(), u.Path[1:])
		return u.String()
	}},
}

func newName() string { return "watchword_" + strings.ToLower(rand.Text()) }

// emptyOn is the address of an empty database behind a relay.
func emptyOn(t testing.TB, r *relay) string {
	name := newName()
	drops(t, "mongodb://"+ferret, name)
	return "mongodb://" + r.address() + "/" + name + "?timeoutMS=60000" // it may be slow, which is not what is tested
}

// drops removes a database when the test ends.
func drops(t testing.TB, address, name string) {
	t.Cleanup(func() {
		database, done := raw(t, address, name)
		defer done()
		if err := database.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("drop: %v", err)
		}
	})
}

// raw is a database as the store's driver sees it, without the store.
func raw(t testing.TB, address, name string) (*mongo.Database, func()) {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(address))
	if err != nil {
		t.Fatal(err)
	}
	return client.Database(name), func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Errorf("disconnect: %v", err)
		}
	}
}

// eachBackend runs a test on each kind of server.
func eachBackend(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

// connect opens a node of the database at an address.
func connect(t testing.TB, address string) *mongostore.DB {
	t.Helper()
	return connectWith(t, address, mongostore.Options{})
}

func connectWith(t testing.TB, address string, o mongostore.Options) *mongostore.DB {
	t.Helper()
	db, err := mongostore.Open(t.Context(), address, o)
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

func newID() (id session.ID) {
	rand.Read(id[:])
	return id
}
