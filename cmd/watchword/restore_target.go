package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/internal/lock"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// target is the file of the embedded database, which is there or is to be; "": the
// database is elsewhere.
//
//	BACKUP ──copy──► .restore-…/copy.db ──rename──► watchword.db
//	                 (joined here)                       │ link, before
//	                                                     ▼
//	                                    watchword.db.before-restore-…
//
// So there is a whole database under its name at any moment, the old one or the new.
type target string

// logs are what SQLite keeps beside a database. Beside another database they would
// overwrite it with what is in them.
var logs = []string{"-wal", "-journal", "-shm"}

// resolve follows the symbolic link that the database may be, so that it is replaced on
// the disk that was chosen for it. It fails if a link leads nowhere: the disk may not be mounted.
func (t target) resolve() (_ target, there bool, err error) {
	real, err := filepath.EvalSymlinks(string(t))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(string(t)); err == nil {
			return "", false, mend(fmt.Errorf("%s is a link to a file that is not there", t), "mount the disk that it leads to, or remove the link")
		}
		return t, false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("find the database: %w", err)
	}
	return target(real), true, nil
}

// settle makes sure that no server has the embedded database open, whose lock is in
// another data folder, or that has none. A database that is damaged stays as it is.
func (t target) settle(ctx context.Context) error {
	if t == "" {
		return nil
	}
	if err := sqlstore.SettleSQLite(ctx, string(t)); errors.Is(err, sqlstore.ErrInUse) {
		return mend(fmt.Errorf("%s is in use: what its server does from now on would be lost", t), "stop the server first")
	}
	return nil
}

// stage makes an empty file for what is to take the database's place, in a folder of its
// own beside it, and keeps other restores away until it is given back. What a restore left
// that was killed goes.
func (t target) stage() (staged string, giveBack func(), err error) {
	folder := filepath.Dir(string(t))
	alone, err := restoreAlone(folder)
	if err != nil {
		return "", nil, err
	}
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if ours, _ := path.Match(".restore-????????", entry.Name()); ours && entry.IsDir() {
			_ = os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
	}
	place := stageIn(folder)
	staged = filepath.Join(place, "copy.db")
	if err = os.Mkdir(place, 0o700); err == nil {
		err = os.WriteFile(staged, nil, 0o600)
	}
	if err != nil {
		_ = os.RemoveAll(place)
		alone()
		return "", nil, unusable(folder, err)
	}
	clear := func() {
		// Under another name nothing more comes into it, whoever is still at work.
		if gone := stageIn(folder); os.Rename(place, gone) == nil {
			_ = os.RemoveAll(gone)
		}
		_ = os.RemoveAll(place)
		alone()
	}
	heeded := onSignal(clear)
	return staged, func() {
		heeded()
		clear()
	}, nil
}

// stageIn is a folder of a stage that is not there yet.
func stageIn(folder string) string { return filepath.Join(folder, ".restore-"+rand.Text()[:8]) }

// restoreAlone keeps other restores out of a folder, whatever data folder they have.
func restoreAlone(folder string) (giveBack func(), err error) {
	name := filepath.Join(folder, ".restore.lock")
	for {
		file, err := lock.Open(name, os.O_CREATE)
		if errors.Is(err, lock.ErrLocked) {
			return nil, mend(fmt.Errorf("another restore is under way in %s", folder), "wait until it has ended")
		}
		if err != nil {
			return nil, unusable(folder, err)
		}
		mine, mineErr := file.Stat()
		there, thereErr := os.Lstat(name)
		if mineErr == nil && thereErr == nil && os.SameFile(mine, there) {
			return func() {
				_ = os.Remove(name)
				file.Close()
			}, nil
		}
		file.Close() // its holder removed it meanwhile
	}
}

// replace puts the staged file in the place of the database. It returns what was there,
// by the name that this has now: see keep.
func (t target) replace(ctx context.Context, staged string, now time.Time) (kept string, err error) {
	if info, err := os.Stat(staged + "-wal"); err == nil && info.Size() > 0 {
		return "", errors.New("the restored database is not closed: another program has it open")
	}
	if err := t.settle(ctx); err != nil {
		return "", err
	}
	if kept, err = t.keep(now, os.Link); err != nil {
		return "", fmt.Errorf("move the database aside: %w", err)
	}
	if err := os.Rename(staged, string(t)); err != nil {
		err = fmt.Errorf("put the restored database in its place: %w", err)
		if kept != "" {
			err = mend(err, "run it again; what was there is now %s", kept)
		}
		return "", err
	}
	return kept, syncFolder(filepath.Dir(string(t)))
}

// keep gives the database that is there another name, which nothing had, and takes its
// logs from beside it. It returns what it kept: the database, or a log whose database is
// gone, or "". The database keeps its first name too, where the file system has links.
func (t target) keep(now time.Time, link func(from, to string) error) (kept string, err error) {
	there := slices.DeleteFunc(append([]string{""}, logs...), func(log string) bool { return !present(string(t) + log) })
	if len(there) == 0 {
		return "", nil
	}
	first := string(t) + ".before-restore-" + now.UTC().Format("20060102T150405Z")
	aside := first
	for n := 2; ; n++ {
		// A log is not put beside a database that it is not of.
		err := fs.ErrExist
		if !slices.ContainsFunc(append([]string{""}, logs...), func(log string) bool { return present(aside + log) }) {
			err = another(string(t)+there[0], aside+there[0], link)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		aside = fmt.Sprintf("%s-%d", first, n)
	}
	for _, log := range there[1:] {
		if err := another(string(t)+log, aside+log, link); err != nil {
			return "", err
		}
	}
	if err := syncFolder(filepath.Dir(aside)); err != nil {
		return "", err
	}
	for _, log := range logs {
		if err := os.Remove(string(t) + log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside + there[0], nil
}

func present(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// another gives a file another name, or fails with fs.ErrExist: it never takes the
// place of what is there. Where the file system has no links the first name goes.
func another(from, to string, link func(from, to string) error) error {
	err := link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	file.Close()
	if err := os.Rename(from, to); err != nil {
		_ = os.Remove(to)
		return err
	}
	return nil
}
