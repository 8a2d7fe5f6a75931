package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/store/sqlstore"
)

func (p *program) backup() *cobra.Command {
	var force, quiet bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database while the server runs.",
		Long: `Copy the database while the server runs: all that was acknowledged before, at one
moment, into one file that is checked and then put in its place. FILE may be a
folder: the copy gets the time as its name.

The copy does not hold the master secret: keep that apart. It is of the embedded
database. For another it is said which command of its own makes a copy.

What is revoked after a backup, the backup does not know. Give the server a
--revocation-journal, so that 'watchword restore' does.`,
		Example: `  watchword backup /mnt/backups/
  watchword backup --quiet --data /var/lib/watchword /mnt/backups/`,
		Args: exactly("FILE, or a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(cmd.Flags(), p.environ, p.dir)
			if err != nil {
				return err
			}
			return p.backupTo(cmd.Context(), c, args[0], force, quiet)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "say nothing unless something is wrong")
	registerStore(cmd, "backup")
	return cmd
}

func (p *program) backupTo(ctx context.Context, c config, name string, force, quiet bool) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "watchword-"+p.now().UTC().Format("20060102T150405Z")+".db")
	}
	if !strings.HasPrefix(c.Database, "sqlite:") {
		return p.tellDump(c, name)
	}
	path, data, err := c.sqliteFile()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(name); err == nil && !force {
		return errThere(name)
	}
	partial, err := makePartial(name)
	if err != nil {
		return err
	}
	clear := func() { // which is its place no more, when all went well
		for _, log := range append(logs, "") {
			_ = os.Remove(partial + log)
		}
	}
	defer clear()
	defer onSignal(clear)()
	began := p.now()
	done := p.watchCopy(partial, path, quiet)
	err = sqlstore.CopySQLite(ctx, path, partial)
	done()
	if err == nil {
		err = sqlstore.CheckSQLite(ctx, partial)
	}
	if err != nil {
		return fmt.Errorf("back up the database: %w", err)
	}
	if err := place(partial, name, force); err != nil {
		return err
	}
	if !quiet {
		p.tellBackup(c, data, name, p.now().Sub(began))
	}
	return nil
}

// sqliteFile is where the embedded database is, and the data folder if it is there.
func (c config) sqliteFile() (path string, data folder, err error) {
	path = strings.TrimPrefix(c.Database, "sqlite:")
	if path == "" {
		if data, err = openFolder(c.Data, false); err != nil {
			return "", folder{}, err
		}
		path = data.file(databaseFile)
	} else if data.path, err = filepath.Abs(c.Data); err != nil {
		return "", folder{}, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", folder{}, mend(fmt.Errorf("there is no database %s", path), "start the server once, or name the data with --data or --database")
	}
	return path, data, nil
}

func errThere(name string) error {
	return mend(fmt.Errorf("%s is there already, and was left as it is", name), "choose another name, or replace it with --force")
}

// makePartial makes an empty file beside the one that is to be, for this user alone.
func makePartial(name string) (string, error) {
	partial := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".partial-"+rand.Text()[:8])
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", mend(fmt.Errorf("the backup cannot be written: %w", err), "name a file in a folder that this user may write")
	}
	return partial, file.Close()
}

// place gives a file its name, whole, and makes that durable.
func place(partial, name string, force bool) error {
	if !force {
		// Unlike renaming, this never takes the place of a file that came meanwhile.
		err := os.Link(partial, name)
		if errors.Is(err, fs.ErrExist) {
			return errThere(name)
		}
		if err == nil {
			return syncFolder(filepath.Dir(name))
		}
		// The file system has no links.
	}
	if err := os.Rename(partial, name); err != nil {
		return fmt.Errorf("name the backup: %w", err)
	}
	return syncFolder(filepath.Dir(name))
}

// watchCopy shows on a terminal how far a copy has come, until the function that it
// returns is called.
func (p *program) watchCopy(to, from string, quiet bool) (done func()) {
	whole, err := os.Stat(from)
	if _, ok := terminal(p.err); !ok || quiet || err != nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(300 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				fmt.Fprint(p.err, "\r\033[K")
				return
			case <-ticker.C:
				if info, err := os.Stat(to); err == nil {
					fmt.Fprintf(p.err, "\rcopying: %s of about %s ", size(info.Size()), size(whole.Size()))
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// tellBackup says what was made, and what is not in it.
func (p *program) tellBackup(c config, data folder, name string, took time.Duration) {
	bytes := int64(0)
	if info, err := os.Stat(name); err == nil {
		bytes = info.Size()
	}
	fmt.Fprintf(p.out, "%s: %s, checked, in %s\n", name, size(bytes), took.Round(time.Millisecond))
	fmt.Fprintln(p.out, "\nIt does not hold:")
	if len(c.MasterSecrets) > 0 {
		fmt.Fprintf(p.out, "  - the master secret, which %s sets", c.given["master-secret"])
	} else {
		fmt.Fprintf(p.out, "  - the master secret, %s", c.masterFile(data))
	}
	fmt.Fprint(p.out, ": keep a copy in another place, once.\n    Without it everybody is signed out; whoever has both has everything.\n")
	if c.Sessions != "" {
		fmt.Fprintln(p.out, "  - the sessions, which are in a database of their own")
	}
	if len(c.Journals) == 0 {
		fmt.Fprint(p.out, "  - what is revoked from now on. A restore cannot know that without a journal:\n    give the server --revocation-journal FOLDER, on another disk.\n")
	}
}

// tellDump says how a database is backed up that has tools for that. It fails: a script that
// goes on must not believe that there is a backup.
func (p *program) tellDump(c config, name string) error {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".db"), ".dump")
	d, ok := dumpOf(c.Database, name+".dump")
	if _, _, err := driverOf("database", c.Database); err != nil {
		return err
	}
	if local(c.Database) {
		return mend(errors.New("what a server keeps in memory is out of reach, and gone when it ends"), "give the server a database that lasts, with --database")
	}
	if !ok {
		return errNoCommand
	}
	fmt.Fprintf(p.out, "%s\n", line(d.save))
	if c.Sessions != "" {
		if sessions, ok := dumpOf(c.Sessions, name+".sessions.dump"); ok {
			fmt.Fprintf(p.out, "%s\n", line(sessions.save))
		}
	}
	return mend(fmt.Errorf("nothing was copied: %s has its own command for that, which stands above", d.what),
		"run it (%s); docs/backup.md tells the rest", d.password)
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (bytes+1023)>>10)
}

// syncFolder brings the names of a folder's files to the disk.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // which has no way to do it
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
