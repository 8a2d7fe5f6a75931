package main

import (
	"errors"
	"fmt"
	"log/slog"
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

// outside checks that a journal is not in the data folder.
func outside(data folder, name string) error {
	path, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("find the revocation journal: %w", err)
	}
	if data.path == "" {
		return nil
	}
	if below, err := filepath.Rel(data.path, path); err == nil && below != ".." && !strings.HasPrefix(below, ".."+string(filepath.Separator)) {
		return mend(fmt.Errorf("the revocation journal %s is in the data folder: what destroys the one destroys the other", path),
			"choose a folder on another disk with --revocation-journal FOLDER")
	}
	return nil
}

// journalTrouble says how to mend a journal that cannot be used.
func journalTrouble(err error) error {
	if !strings.Contains(err.Error(), "revocation journal") {
		return err
	}
	return mend(err, "make its folder, readable and writable for this user alone: mkdir -m 700 FOLDER")
}
