package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of postgres: addresses
	_ "modernc.org/sqlite"             // the driver of sqlite: addresses

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// opening is what is needed to open the stores that a database's address names.
type opening struct {
	address string // all of it
	where   string // without its scheme
	folder  folder
	create  bool // make the database if there is none
	logger  *slog.Logger

	// durable says that rotations must be on the disk before they are answered.
	// Otherwise they are within session.SyncWithin.
	durable bool
}

// opened is stores, and how to close them. Some keep sessions only.
type opened struct {
	set   store.Set
	close func() error
}

// driver opens stores of one kind.
type driver func(context.Context, opening) (opened, error)

// drivers are the kinds of databases, by the scheme of their addresses.
var drivers = map[string]driver{
	"sqlite":   openSQLite,
	"memory":   openMemory,
	"postgres": openPostgres, "postgresql": openPostgres,
	"mysql": openMySQL, "mariadb": openMySQL,
	"mongodb": openMongo, "mongodb+srv": openMongo,
	"redis": openRedis, "rediss": openRedis, "valkey": openRedis, "valkeys": openRedis,
}

// forSessions reports whether an address is of a database that keeps sessions only, and
// may lose its last writes: the other one then keeps a ledger of them.
func forSessions(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return slices.Contains([]string{"redis", "rediss", "valkey", "valkeys"}, scheme)
}

// local reports whether an address is of a database that this machine has to
// itself. Any number of nodes may share others.
func local(address string) bool {
	return strings.HasPrefix(address, "sqlite:") || strings.HasPrefix(address, "memory:")
}

func openSQLite(ctx context.Context, o opening) (opened, error) {
	path := o.where
	if path == "" {
		path = o.folder.file(databaseFile)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !o.create {
		return opened{}, mend(fmt.Errorf("there is no database %s", path), "start the server once, or name the data with --data or --database")
	}
	db, err := sqlstore.OpenSQLite(ctx, path, o.sql())
	if err != nil {
		return opened{}, err
	}
	return opened{db.Set(), db.Close}, nil
}

func openPostgres(ctx context.Context, o opening) (opened, error) {
	db, err := sqlstore.OpenPostgres(ctx, o.address, o.sql())
	if err != nil {
		return opened{}, err
	}
	return opened{db.Set(), db.Close}, nil
}

func openMySQL(ctx context.Context, o opening) (opened, error) {
	address, err := mysqlAddress(o.address)
	if err != nil {
		return opened{}, err
	}
	db, err := sqlstore.OpenMySQL(ctx, address, o.sql())
	if err != nil {
		return opened{}, err
	}
	return opened{db.Set(), db.Close}, nil
}

// mysqlAddress writes a URL as the driver wants it. The parameters are the driver's.
func mysqlAddress(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || len(u.Path) < 2 {
		return "", mend(errors.New("the address of the MySQL database is not complete"), "write it as mysql://USER:PASSWORD@HOST:3306/DATABASE")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "tcp", net.JoinHostPort(u.Hostname(), port), u.Path[1:]
	c.Passwd, _ = u.User.Password()
	c.Params = make(map[string]string)
	for name := range u.Query() {
		c.Params[name] = u.Query().Get(name)
	}
	return c.FormatDSN(), nil
}

// sql is the options of the stores in SQL databases.
func (o opening) sql() sqlstore.Options {
	return sqlstore.Options{Logger: o.logger, DurableRotations: o.durable}
}

func openMemory(_ context.Context, o opening) (opened, error) {
	if !o.create {
		return opened{}, mend(errors.New("what a server keeps in memory is out of reach for other commands"), "give --database the address that the server has")
	}
	return opened{memory.New(), func() error { return nil }}, nil
}

// openStores opens the database and, if they have one of their own, the sessions'.
func openStores(ctx context.Context, c config, f folder, create bool, logger *slog.Logger) (opened, error) {
	o := opening{folder: f, create: create, logger: logger, durable: c.Policy.MinAge < session.SyncWithin}
	all, err := openAddress(ctx, "database", c.Database, o)
	if err != nil || c.Sessions == "" {
		return all, err
	}
	sessions, err := openAddress(ctx, "sessions", c.Sessions, o)
	if err != nil {
		return opened{}, errors.Join(err, all.close())
	}
	if forSessions(c.Sessions) {
		sessions.set.Sessions = ledger.Keep(sessions.set.Sessions, all.set.Sessions, ledger.Options{Logger: logger, Users: all.set.Users})
	}
	all.set.Sessions = sessions.set.Sessions
	closeDatabase := all.close
	all.close = func() error { return errors.Join(sessions.close(), closeDatabase()) }
	return all, nil
}

func openAddress(ctx context.Context, name, address string, o opening) (opened, error) {
	open, where, err := driverOf(name, address)
	if err != nil {
		return opened{}, err
	}
	o.address, o.where = address, where
	stores, err := open(ctx, o)
	if away, ok := errors.AsType[interface {
		error
		Unavailable() bool
	}](err); ok && away.Unavailable() && !local(address) {
		return opened{}, mend(err, "start it, or mend its address: WATCHWORD_%s or --%s", strings.ToUpper(name), name)
	}
	return stores, err
}

// driverOf finds the driver of an address, and what the address says to it. The
// address is not repeated in the error: it may hold a password.
func driverOf(name, address string) (driver, string, error) {
	scheme, where, _ := strings.Cut(address, ":")
	open, ok := drivers[scheme]
	if ok && name == "database" && forSessions(address) {
		return nil, "", mend(errors.New("the database cannot be Redis, which keeps sessions only"), "name it with --sessions or WATCHWORD_SESSIONS, and a database with --database: sqlite:, postgres://…, mysql://… or mongodb://…")
	}
	if !ok {
		known := slices.Sorted(maps.Keys(drivers))
		if name == "database" {
			known = slices.DeleteFunc(known, forSessions)
		}
		return nil, "", mend(fmt.Errorf("the address in %s is of no kind of database that is known", name), "it begins with one of %s:", strings.Join(known, ":, "))
	}
	return open, where, nil
}

// databaseInFolder reports whether a database is kept in the data folder.
func (c config) databaseInFolder() bool { return c.Database == "sqlite:" || c.Sessions == "sqlite:" }

// forgetful reports whether nothing is kept: neither a database nor a secret.
func (c config) forgetful() bool { return c.Database == "memory:" && c.Sessions == "" }

// needsFolder reports whether a server would keep anything in the data folder.
func (c config) needsFolder() bool {
	secretElsewhere := len(c.MasterSecrets) > 0 || c.MasterSecretFile != ""
	return c.databaseInFolder() || !secretElsewhere && !c.forgetful()
}
