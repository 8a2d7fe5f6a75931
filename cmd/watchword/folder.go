package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/watchwordauth/watchword/internal/lock"
)

// folder is the data folder, by its absolute path.
type folder struct {
	path string
	made bool // just now: it is the first start
}

func (f folder) file(name string) string { return filepath.Join(f.path, name) }

// The files of the data folder.
const (
	databaseFile = "watchword.db"
	masterFile   = "master.key"
	lockFile     = "serve.lock"
)

// openFolder opens the data folder, and makes it if create allows. It refuses
// what it cannot write to, before anything is begun.
func openFolder(path string, create bool) (folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return folder{}, fmt.Errorf("find the data folder: %w", err)
	}
	f := folder{path: absolute}
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
		if err := os.MkdirAll(filepath.Dir(absolute), 0o755); err != nil {
			return folder{}, unusable(absolute, err)
		}
		if err := os.Mkdir(absolute, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return folder{}, unusable(absolute, err)
		}
		f.made = true
	case errors.Is(err, fs.ErrNotExist):
		return folder{}, mend(fmt.Errorf("there is no data folder %s", absolute),
			"run the command in the folder where the server was started, or name the data with --data FOLDER")
	case err != nil:
		return folder{}, unusable(absolute, err)
	case !info.IsDir():
		return folder{}, mend(fmt.Errorf("%s is not a folder", absolute), "name a folder with --data FOLDER")
	}
	// Permissions, read-only file systems, full disks: trying tells them all.
	probe, err := os.CreateTemp(absolute, ".writable-*")
	if err != nil {
		return folder{}, unusable(absolute, err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return folder{}, unusable(absolute, err)
	}
	if _, err := os.ReadDir(absolute); err != nil {
		return folder{}, unusable(absolute, err)
	}
	return f, nil
}

func unusable(path string, err error) error {
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	return mend(fmt.Errorf("the data folder %s cannot be used: %w", path, err),
		"make it readable and writable for this user, or name another with --data FOLDER")
}

// lock takes the lock that a server holds on its data folder, and notes its
// address there once it is known. The system gives it back however the process ends.
func (f folder) lock() (*os.File, error) {
	file, err := lock.Open(f.file(lockFile), os.O_CREATE)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, unusable(f.path, err)
	}
	if err != nil {
		if !errors.Is(err, lock.ErrLocked) {
			return nil, mend(fmt.Errorf("lock the data folder %s: %w", f.path, err), "choose a folder on a local disk with --data FOLDER")
		}
		holder, _ := os.ReadFile(f.file(lockFile))
		by := "another server"
		if text := strings.TrimSpace(string(holder)); text != "" {
			by += " (" + plain(text) + ")"
		}
		return nil, mend(fmt.Errorf("the data folder %s is in use by %s", f.path, by),
			"use that one, stop it first, or name another folder with --data FOLDER")
	}
	return file, nil
}

// sign writes into the lock who holds it, for whoever wonders.
func sign(lock *os.File, address string) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt(fmt.Appendf(nil, "process %d, %s\n", os.Getpid(), address), 0)
	return err
}
