package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/store/mongostore"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

func (p *program) migrate() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's tables up to date, without serving.",
		Long: `Bring the database's tables up to date, without serving. 'watchword serve' does
the same at its start, so this is for those who want it to happen before: under
another user of the database, or at a time of their choosing.

Steps go forward only. Any number of nodes and of these commands may run at once:
one takes the steps and the others wait. A database that a newer program has
brought further is refused.

With --dry-run it says what it would do and changes nothing. The exit status is 0
whether there is something to do or not, and 1 if the database cannot be used.`,
		Example: `  watchword migrate --dry-run
  WATCHWORD_DATABASE=postgres://watchword:…@db.example/watchword watchword migrate`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), p.environ, p.dir)
			if err != nil {
				return err
			}
			return p.migrateAll(cmd.Context(), c, dry)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and change nothing")
	registerStore(cmd, "migrate")
	return cmd
}

// migrateAll migrates the database and, if they have one of their own, the sessions'.
func (p *program) migrateAll(ctx context.Context, c config, dry bool) error {
	o := opening{logger: p.logger()}
	var err error
	if c.databaseInFolder() {
		if dry { // openFolder would try whether it can write
			o.folder.path, err = filepath.Abs(c.Data)
		} else {
			o.folder, err = openFolder(c.Data, false)
		}
	}
	if err != nil {
		return err
	}
	for _, part := range []struct{ name, address string }{{"database", c.Database}, {"sessions", c.Sessions}} {
		if part.address == "" {
			continue
		}
		if err := p.migrateOne(ctx, part.name, part.address, o, dry); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) migrateOne(ctx context.Context, name, address string, o opening, dry bool) error {
	kind, where, err := kindOf(name, address)
	if err != nil {
		return err
	}
	if kind.inspect == nil {
		fmt.Fprintf(p.out, "%s (%s): it has no tables; nothing to do\n", name, kind.name)
		return nil
	}
	o.address, o.where = address, where
	version, steps, err := kind.inspect(ctx, o)
	if err != nil {
		return err
	}
	if version >= len(steps) {
		if version > len(steps) {
			return mend(fmt.Errorf("%s (%s) is at version %d, and this program knows %d", name, kind.name, version, len(steps)),
				"start the newer program, or restore a backup from before the upgrade")
		}
		fmt.Fprintf(p.out, "%s (%s): at version %d, which is the newest; nothing to do\n", name, kind.name, version)
		return nil
	}
	verb := "to do"
	if !dry {
		stores, err := openAddress(ctx, name, address, o)
		if err == nil {
			err = stores.close()
		}
		if err != nil {
			return err
		}
		verb = "done"
	}
	fmt.Fprintf(p.out, "%s (%s): at version %d of %d\n", name, kind.name, version, len(steps))
	for _, step := range steps[version:] {
		fmt.Fprintf(p.out, "  %s: %s\n", verb, step)
	}
	if dry {
		fmt.Fprintln(p.out, "Nothing was changed.")
	}
	return nil
}

// kind is what 'migrate' knows of a driver: its name, and how to see how many of
// which steps its tables have taken. Without that there are none.
type kind struct {
	name    string
	inspect func(context.Context, opening) (version int, steps []string, err error)
}

// kindOf finds the kind of database that an address is of.
func kindOf(name, address string) (kind, string, error) {
	_, where, err := driverOf(name, address)
	if err != nil {
		return kind{}, "", err
	}
	scheme := address[:len(address)-len(where)-1]
	switch scheme {
	case "sqlite":
		return kind{"SQLite", inspectSQLite}, where, nil
	case "postgres", "postgresql":
		return kind{"PostgreSQL", inspectPostgres}, where, nil
	case "mysql", "mariadb":
		return kind{"MySQL", inspectMySQL}, where, nil
	case "mongodb", "mongodb+srv":
		return kind{"MongoDB", inspectMongo}, where, nil
	}
	return kind{name: scheme}, where, nil
}

func inspectSQLite(ctx context.Context, o opening) (int, []string, error) {
	path := o.where
	if path == "" {
		path = o.folder.file(databaseFile)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return 0, nil, mend(fmt.Errorf("there is no database %s", path), "start the server once, which makes one, or name the data with --data or --database")
	}
	s, err := sqlstore.InspectSQLite(ctx, path)
	return s.Version, s.Steps, err
}

func inspectPostgres(ctx context.Context, o opening) (int, []string, error) {
	s, err := sqlstore.InspectPostgres(ctx, o.address)
	return s.Version, s.Steps, err
}

func inspectMySQL(ctx context.Context, o opening) (int, []string, error) {
	address, err := mysqlAddress(o.address)
	if err != nil {
		return 0, nil, err
	}
	s, err := sqlstore.InspectMySQL(ctx, address)
	return s.Version, s.Steps, err
}

func inspectMongo(ctx context.Context, o opening) (int, []string, error) {
	s, err := mongostore.Inspect(ctx, o.address)
	return s.Version, s.Steps, err
}
