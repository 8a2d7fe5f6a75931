package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/journal"
	"github.com/watchwordauth/watchword/recovery"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/verify"
)

// wishes are the flags of a restore.
type wishes struct {
	force         bool
	window        string
	taken         string
	acceptLost    bool
	acceptDamaged bool
	endAll        bool
}

func (p *program) restore() *cobra.Command {
	var w wishes
	cmd := &cobra.Command{
		Use:   "restore [BACKUP]",
		Short: "Put a backup back, and keep ended what was ended since.",
		Long: `Put a backup back, and keep ended what was ended since. The server must not run.

The revocation journal tells what the backup does not know: sessions that were
ended, users who were blocked, roles and passwords that were changed. All that is
done again. Then a recovery window opens, in which sessions that were refreshed
since the backup go on with the tokens that their devices hold; each is
written down (watchword session explain).

Users and sessions that began after the backup are lost: these sign in again, or
up. Whoever has changed their password since cannot sign in by the old one, and
needs another: watchword user password.

BACKUP is a file that 'watchword backup' made. The database there is now is moved
aside. Without BACKUP the database is taken as it is: restore it with its own tools
first, while no server runs, then join it with the journal this way.`,
		Example: `  watchword restore --revocation-journal /mnt/journal /mnt/backups/watchword-20261121T040000Z.db
  watchword restore --database postgres://watchword@db.example/watchword --revocation-journal /mnt/journal
  watchword restore --end-all-sessions /mnt/backups/watchword-20261121T040000Z.db`,
		Args: atMost("BACKUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(cmd.Flags(), p.environ, p.dir)
			if err != nil {
				return err
			}
			r := restoration{program: p, config: c, wishes: w}
			if len(args) == 1 {
				r.backup = args[0]
			}
			return r.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&w.force, "force", false, "move a database aside that is there")
	flags.StringVar(&w.window, "recovery-window", "", "for so long sessions go on that were refreshed since the backup (default: refresh-idle-ttl)")
	flags.StringVar(&w.taken, "backup-taken", "", "when the backup began, such as 2026-11-21T04:00:00Z (default: what is newest in it)")
	flags.BoolVar(&w.acceptLost, "accept-lost-revocations", false, "go on without a journal: what was ended since the backup lives again")
	flags.BoolVar(&w.acceptDamaged, "accept-damaged-journal", false, "go on with what can be read of a damaged journal")
	flags.BoolVar(&w.endAll, "end-all-sessions", false, "end every session: everybody signs in again")
	registerStore(cmd, "restore")
	return cmd
}

// restoration is a restore under way.
type restoration struct {
	*program
	wishes
	config config
	backup string // "": the database is taken as it is

	data    folder
	target  target
	journal journal.Contents
	known   time.Time // what the backup knows
	window  time.Duration
}

// run does it. The database that is there is not touched before all else has succeeded.
func (r *restoration) run(ctx context.Context) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	if r.config.needsFolder() {
		if r.data, err = openFolder(r.config.Data, r.backup != ""); err != nil {
			return err
		}
		lock, err := r.data.lock()
		if err != nil {
			return err
		}
		defer lock.Close()
		_ = sign(lock, "a restore") // for whoever wonders
	}
	if err := r.findTarget(); err != nil {
		return err
	}
	if err := r.readJournal(); err != nil {
		return err
	}
	if r.backup == "" {
		if err := r.target.settle(ctx); err != nil {
			return err
		}
		done, err := r.inStores(ctx, r.config)
		if err != nil {
			return err
		}
		done.tell(r.out, r.now())
		done.tellAdmins(r.out, r.config)
		return nil
	}

	if err := sqlstore.CheckSQLite(ctx, r.backup); err != nil {
		return mend(err, "name a file that 'watchword backup' made, or another backup")
	}
	staged, giveBack, err := r.target.stage()
	if err != nil {
		return err
	}
	defer giveBack()
	shown := r.watchCopy(staged, r.backup, false)
	err = sqlstore.CopySQLite(ctx, r.backup, staged)
	shown()
	if err != nil {
		return err
	}
	c := r.config
	c.Database = "sqlite:" + staged
	done, err := r.inStores(ctx, c)
	if err != nil {
		return err
	}
	kept, err := r.target.replace(ctx, staged, r.now())
	if err != nil {
		return err
	}
	done.tell(r.out, r.now())
	switch {
	case kept == "":
	case slices.ContainsFunc(logs, func(log string) bool { return strings.HasSuffix(kept, log) }):
		fmt.Fprintf(r.out, "\nThere was a log without its database. It is now %s\n", kept)
	default:
		fmt.Fprintf(r.out, "\nThe database that was there is now %s\n", kept)
	}
	fmt.Fprintf(r.out, "\n%s is restored. Start the server.\n", r.target)
	done.tellAdmins(r.out, r.config)
	return nil
}

// check judges the command line, before anything is opened.
func (r *restoration) check() (err error) {
	r.window = min(r.config.Policy.IdleTTL, recovery.Longest)
	if r.wishes.window != "" {
		if r.window, err = parseDuration(r.wishes.window); err != nil {
			return &misuse{fmt.Errorf("--recovery-window is %q, but %w", r.wishes.window, err)}
		}
		if r.window > recovery.Longest {
			return &misuse{fmt.Errorf("--recovery-window is %q, but it is at most %s", r.wishes.window, span(recovery.Longest))}
		}
	}
	if r.taken != "" {
		if _, err := time.Parse(time.RFC3339, r.taken); err != nil {
			return &misuse{fmt.Errorf("--backup-taken is %q, but it is a time, such as 2026-11-21T04:00:00Z", r.taken)}
		}
	}
	switch embedded := strings.HasPrefix(r.config.Database, "sqlite:"); {
	case r.config.Database == "memory:":
		return mend(errors.New("what a server keeps in memory cannot be restored"), "name a database that lasts with --database")
	case r.backup != "" && !embedded:
		d, ok := dumpOf(r.config.Database, r.backup)
		if !ok {
			return errNoCommand
		}
		return mend(fmt.Errorf("a backup of %s is restored by its own command: %s", d.what, line(d.load)),
			"run it while no server runs (%s), then 'watchword restore' without BACKUP; docs/backup.md tells the rest", d.password)
	}
	if r.backup != "" {
		if _, err := os.Stat(r.backup); err != nil {
			return mend(fmt.Errorf("the backup cannot be read: %w", err), "name a file that 'watchword backup' made")
		}
	}
	return nil
}

// findTarget says where the embedded database is to be, and that nothing is overwritten.
func (r *restoration) findTarget() error {
	where, embedded := strings.CutPrefix(r.config.Database, "sqlite:")
	if !embedded {
		return nil
	}
	if where == "" {
		where = r.data.file(databaseFile)
	}
	found, there, err := target(where).resolve()
	if err != nil {
		return err
	}
	r.target = found
	switch {
	case r.backup == "" && !there:
		return mend(fmt.Errorf("there is no database %s", found), "name the backup that is to be put there: watchword restore BACKUP")
	case r.backup == "" || !there:
		return nil
	}
	database, _ := os.Stat(string(found))
	if from, err := os.Stat(r.backup); err == nil && os.SameFile(database, from) {
		return mend(fmt.Errorf("%s is the database itself, not a backup of it", r.backup), "without BACKUP the database is taken as it is")
	}
	if !r.force {
		return mend(fmt.Errorf("there is a database already, %s", found), "with --force it is moved aside, not deleted")
	}
	return nil
}

func (r *restoration) readJournal() (err error) {
	for _, name := range r.config.Journals {
		if err := outside(r.data, name); err != nil {
			return err
		}
	}
	if r.journal, err = journal.Read(r.config.Journals...); err != nil {
		return mend(err, "name the folder that the server had with --revocation-journal")
	}
	for _, folder := range r.config.Journals {
		if journal.OthersMayWrite(folder) {
			fmt.Fprintf(r.err, "%s: everybody on this machine may write to it, and a forged record makes an administrator: see who owns the files in it\n", folder)
		}
	}
	for _, name := range r.journal.Torn {
		fmt.Fprintf(r.err, "%s: the last write was cut short, as a crash does; it was never acknowledged\n", name)
	}
	for _, damage := range r.journal.Broken {
		fmt.Fprintln(r.err, damage)
	}
	if len(r.journal.Broken) > 0 && !r.acceptDamaged && !r.endAll {
		return mend(errors.New("the revocation journal is damaged: some of what it told is missing"),
			"restore it from a copy, end all sessions with --end-all-sessions, or go on with what can be read with --accept-damaged-journal")
	}
	return nil
}

// inStores does what is done to the restored data.
func (r *restoration) inStores(ctx context.Context, c config) (_ outcome, err error) {
	stores, err := openStores(ctx, c, r.data, false, r.logger())
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, stores.close()) }()
	set := stores.set
	if r.known, err = recovery.Known(ctx, set); err != nil {
		return outcome{}, err
	}
	if r.taken != "" {
		if taken, _ := time.Parse(time.RFC3339, r.taken); taken.Before(r.known) {
			r.known = taken
		}
	}
	if r.known.Sub(r.now()) > journal.Skew {
		// The window would be over before anybody comes, and followers would miss what is done.
		return outcome{}, mend(fmt.Errorf("the clock of this machine says %s, but the backup knows what happened up to %s; nothing was restored", stamp(r.now()), stamp(r.known)),
			"set the clock; if that of the server was ahead, say with --backup-taken when the backup began")
	}
	if err := r.consent(); err != nil {
		return outcome{}, err
	}
	show := func(format string, args ...any) {
		if _, ok := terminal(r.err); ok {
			fmt.Fprintf(r.err, "\r\033[K"+format, args...)
		}
	}
	report, err := recovery.Join(ctx, set, r.journal.Records, r.now(), func(done, all int) { show("journal: %d of %d ", done, all) })
	if err != nil {
		return outcome{}, err
	}
	ended := 0
	if r.endAll {
		r.window = 0
		ended, err = recovery.EndAll(ctx, set, r.now(), func(n int) { show("ended %s ", count(n, "session")) })
		if err != nil {
			return outcome{}, err
		}
	}
	show("")
	opened, err := recovery.Open(ctx, set, r.known, r.now(), r.window)
	if err != nil {
		return outcome{}, err
	}
	alive, err := set.Sessions.Count(ctx, r.now())
	if err != nil {
		return outcome{}, err
	}
	admins, err := recovery.Administrators(ctx, set.Users)
	if err != nil {
		return outcome{}, err
	}

	d := &desk{config: r.config, folder: r.data, set: set, program: r.program}
	if verify.Algorithm(r.config.Algorithm) != verify.HS256 {
		if _, err := d.ring(ctx); err != nil {
			fmt.Fprintf(r.err, "\nThe signing keys cannot be used yet: %v\nPut the master secret of this backup back before the server starts: without it everybody is signed out.\n", err)
		}
	}
	return outcome{
		known: r.known, journal: r.journal, report: report, window: opened,
		alive: alive, endAll: r.endAll, ended: ended, admins: admins,
	}, nil
}

// consent asks before anything is done that the operator may not expect: where the
// journal does not reach, what was ended since the backup lives again.
func (r *restoration) consent() error {
	gap := ""
	switch {
	case r.endAll:
		return nil
	case r.journal.Since.IsZero():
		gap = "There is no revocation journal."
	case r.journal.Since.After(r.known):
		gap = fmt.Sprintf("The revocation journal begins on %s only.", stamp(r.journal.Since))
	default:
		return nil
	}
	fmt.Fprintf(r.err, `%s The backup knows what happened up to
%s, %s. Nobody knows what was
revoked since: sessions that were ended will live again, users who were blocked
may sign in, roles are as they were, and old passwords open again, stolen ones too.

`, gap, stamp(r.known), relative(r.known, r.now()))
	if r.acceptLost {
		return nil
	}
	refusal := mend(errors.New("nothing was restored"),
		"name the journal with --revocation-journal, end all sessions with --end-all-sessions, or go on with --accept-lost-revocations")
	if _, ok := terminal(r.in); !ok {
		return refusal
	}
	fmt.Fprint(r.err, "Go on all the same? [y/N] ")
	answer, _ := bufio.NewReader(r.in).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return refusal
	}
	return nil
}
