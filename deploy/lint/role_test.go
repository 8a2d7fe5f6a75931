package lint

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/redisstore"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// TestTheRoleInPostgreSQLIsEnough lets psql make the role, under another name, as the
// image does, and serves as that role.
func TestTheRoleInPostgreSQLIsEnough(t *testing.T) {
	t.Parallel()
	address, psql := postgres(t), tool(t, "psql")
	text, err := os.ReadFile("../postgres/role.sql")
	if err != nil {
		t.Fatal(err)
	}
	name, password := "role_"+strings.ToLower(rand.Text()), "it's "+rand.Text()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("WATCHWORD_TEST_POSTGRES_URL is not a URL")
	}
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "DROP ROLE IF EXISTS " + name} {
			if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Error(err)
			}
		}
		admin.Close()
	})
	superuser, _ := u.User.Password()
	cmd := exec.CommandContext(t.Context(), psql, "-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(string(text), "watchword", name))
	cmd.Env = append(os.Environ(), "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER="+u.User.Username(), "PGPASSWORD="+superuser,
		"PGDATABASE="+strings.Trim(u.Path, "/"), "WATCHWORD_PASSWORD="+password)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}

	u.User, u.Path = url.UserPassword(name, password), "/"+name
	db, err := sqlstore.OpenPostgres(t.Context(), u.String(), sqlstore.Options{Logger: quiet}) // which makes the tables
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := serveOn(t, db.Set())
	s.live("anna")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != http.StatusOK {
		t.Errorf("it is not ready: %s", w.Body)
	}

	var may bool
	var owns, tables int
	if err := admin.QueryRowContext(t.Context(), `SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR
		EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid), (SELECT count(*) FROM pg_database WHERE datdba = r.oid)
		FROM pg_roles r WHERE rolname = $1`, name).Scan(&may, &owns); err != nil {
		t.Fatal(err)
	}
	if may || owns != 1 {
		t.Errorf("the role may do more than it must (%v), or owns %d databases", may, owns)
	}
	own, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := own.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_tables WHERE tableowner = $1", name).Scan(&tables); err != nil || tables == 0 {
		t.Errorf("it has made %d tables (%v)", tables, err)
	}
	if _, err := own.ExecContext(t.Context(), "COPY (SELECT 1) TO PROGRAM 'true'"); err == nil {
		t.Error("it may run programs on the server")
	}
}

// TestTheUserInMongoDBIsTheOneThatSignsIn runs the script as MongoDB's shell does, with a
// database that notes what it is asked: no MongoDB runs here.
func TestTheUserInMongoDBIsTheOneThatSignsIn(t *testing.T) {
	t.Parallel()
	node := tool(t, "node")
	project, err := load(t, "../compose.mongodb.yaml", secretsMade(t))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(value(project.Services["watchword"].Environment, "WATCHWORD_DATABASE"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../mongodb/user.js")
	if err != nil {
		t.Fatal(err)
	}
	const shell = `const db = {getSiblingDB: name => ({createUser: user => console.log(JSON.stringify({database: name, ...user}))})};`
	cmd := exec.CommandContext(t.Context(), node, "-e", shell+string(text))
	cmd.Env = append(os.Environ(), "WATCHWORD_PASSWORD="+value(project.Services["mongodb"].Environment, "WATCHWORD_PASSWORD"))
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	type role struct{ Role, DB string }
	type user struct {
		Database, User, Pwd string
		Roles               []role
	}
	database := strings.Trim(u.Path, "/")
	password, _ := u.User.Password()
	want := user{database, u.User.Username(), password, []role{{"readWrite", database}}} // who knows the user is the database, too
	if from := u.Query().Get("authSource"); from != "" {
		want.Database = from
	}
	var got user
	if err := json.Unmarshal(output, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("it makes a user %s in %s with %v, want %s in %s with %v, and the same password (%v)",
			got.User, got.Database, got.Roles, want.User, want.Database, want.Roles, err)
	}
}

// TestTheUserInRedisIsEnough starts Redis as the compose file does, and runs the suite of
// the stores as the user that it gives Watchword.
func TestTheUserInRedisIsEnough(t *testing.T) {
	t.Parallel()
	program := tool(t, "redis-server")
	project, err := load(t, "../compose.cluster.yaml", secretsMade(t))
	if err != nil {
		t.Fatal(err)
	}
	service := project.Services["redis"]
	port := servertest.FreePort(t)
	host := "127.0.0.1:" + port
	line := append([]string{}, service.Command...)
	line[len(line)-1] = strings.Replace(line[len(line)-1], "dir /data", "dir "+t.TempDir()+"\nbind 127.0.0.1\nport "+port, 1)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = []string{"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH")}
	for _, name := range []string{"REDISCLI_AUTH", "WATCHWORD_PASSWORD"} {
		cmd.Env = append(cmd.Env, name+"="+value(service.Environment, name))
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // as it is the server itself
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("Redis ended: %v", err)
		}
	})

	u, err := url.Parse(value(project.Services["node1"].Environment, "WATCHWORD_SESSIONS"))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = host
	open := func(prefix string) (*redisstore.Store, error) {
		u := *u
		u.RawQuery = "prefix=" + prefix
		return redisstore.Open(context.WithoutCancel(t.Context()), u.String(), redisstore.Options{Logger: quiet})
	}
	for range 1200 {
		var s *redisstore.Store
		if s, err = open("ww:"); err == nil {
			if err := s.Writable(t.Context()); err != nil {
				t.Errorf("Writable = %v", err)
			}
			s.Close()
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	storetest.Sessions(t, func(t testing.TB) session.Store {
		s, err := open("ww:" + rand.Text() + ":")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
	if s, err := open("other:"); err == nil {
		err = s.Begin(t.Context(), session.Session{})
		if err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("beside its own keys Begin = %v", err)
		}
		s.Close()
	}
}
