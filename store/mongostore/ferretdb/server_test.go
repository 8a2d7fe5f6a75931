package ferretdb

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/mongostore"
)

// The program that serves FerretDB, and where one of them listens.
var program, ferret string

func TestMain(m *testing.M) { os.Exit(withServer(m)) }

// withServer runs the tests with FerretDB beside them.
func withServer(m *testing.M) int {
	folder, err := os.MkdirTemp("", "watchword-ferretdb-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	program = filepath.Join(folder, "server")
	if output, err := exec.Command("go", "build", "-o", program, "./server").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build FerretDB: %v\n%s", err, output)
		return 1
	}
	server, err := start(folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.stop()
	ferret = server.host
	return m.Run()
}

// process is a server that runs.
type process struct {
	host  string
	cmd   *exec.Cmd
	input io.Closer
}

// start starts a server on the data in a folder.
func start(folder string, address ...string) (*process, error) {
	data := filepath.Join(folder, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(program, append([]string{data}, address...)...)}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err == nil {
		var u *url.URL
		if u, err = url.Parse(strings.TrimSpace(line)); err == nil {
			p.host = u.Host
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("FerretDB did not start: %w", err)
}

// stop lets the server end in peace; kill ends it as a power cut would.
func (p *process) stop() {
	p.input.Close()
	p.cmd.Wait()
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// backend is a kind of server, and how to have an empty database on it.
type backend struct {
	name  string
	empty func(t testing.TB) string // the address of an empty database
}

var backends = []backend{
	{"FerretDB", func(t testing.TB) string { return emptyOn(t, newRelay(t, ferret)) }},
	{"MongoDB", func(t testing.TB) string {
		u, err := url.Parse(servertest.Address(t, "mongodb", "WATCHWORD_TEST_MONGODB_URL"))
		if err != nil {
			t.Fatal("the address of MongoDB is not a URL") // the error would tell the password
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
	return "mongodb://" + r.address() + "/" + name + "?timeoutMS=60000&" + patient // it may be slow, which is not what is tested
}

// patient and impatient say how long a server is looked for, in an address.
const (
	patient   = "serverSelectionTimeoutMS=60000"
	impatient = "serverSelectionTimeoutMS=3000"
)

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
