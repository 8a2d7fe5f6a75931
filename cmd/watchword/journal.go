package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/journal"
)

// openJournal opens the journal of revocations that the settings name; nil if they
// name none.
func (c config) openJournal(data folder, now func() time.Time, logger *slog.Logger) (*journal.Journal, error) {
	switch len(c.Journals) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, mend(errors.New("a process writes one revocation journal, and several are named"), "name one; only 'watchword restore' reads several")
	}
	if err := outside(data, c.Journals[0]); err != nil {
		return nil, err
	}
	// A session that began just before its policy was changed lives as long as that said.
	return journal.Open(c.Journals[0], journal.Options{Keep: c.Policy.TTL + 24*time.Hour, Now: now, Logger: logger})
}

// outside checks that a journal is not in the data folder, by whatever links and
// names either is reached.
func outside(data folder, name string) error {
	journal, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("find the revocation journal: %w", err)
	}
	if data.path == "" {
		return nil
	}
	place, err := physical(journal)
	if err != nil {
		return fmt.Errorf("find the revocation journal: %w", err)
	}
	below, err := physical(data.path)
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	if !inside(below, place) {
		return nil
	}
	if place != journal {
		journal += ", which is " + place + ","
	}
	return mend(fmt.Errorf("the revocation journal %s is in the data folder: what destroys the one destroys the other", journal),
		"choose a folder on another disk with --revocation-journal FOLDER")
}

// physical is where an absolute path leads, without symbolic links. Of what is not there
// yet the part is followed that is, and a link to where something may come.
func physical(path string) (string, error) {
	const mostLinks = 40
	rest := ""
	for links := 0; ; {
		place, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(place, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if to, err := os.Readlink(path); err == nil && links < mostLinks {
			if !filepath.IsAbs(to) {
				// The folder of the link is there; .. in it is that of where it leads.
				folder, err := filepath.EvalSymlinks(filepath.Dir(path))
				if err != nil {
					return "", err
				}
				to = folder + string(filepath.Separator) + to
			}
			path = to
			links++
			continue
		}
		if filepath.Dir(path) == path {
			return "", err
		}
		path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
	}
}

// inside reports whether a path is a folder or below it. The folder may have other
// names: where case does not count, or mounted twice.
func inside(folder, path string) bool {
	if below, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(below) {
		return true
	}
	it, err := os.Stat(folder)
	if err != nil {
		return false
	}
	for {
		if above, err := os.Stat(path); err == nil && os.SameFile(it, above) {
			return true
		}
		if filepath.Dir(path) == path {
			return false
		}
		path = filepath.Dir(path)
	}
}

// journalTrouble says how to mend a journal that cannot be used.
func journalTrouble(err error) error {
	if !strings.Contains(err.Error(), "revocation journal") {
		return err
	}
	return mend(err, "make its folder, readable and writable for this user alone: mkdir -m 700 FOLDER")
}
