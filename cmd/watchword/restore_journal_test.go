package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What destroys the data folder must not destroy the journal, whatever its name says.
func TestAJournalInTheDataFolderIsRefusedByEveryName(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows lets not everybody make symbolic links")
	}
	root := t.TempDir()
	at := func(name string) string { return root + "/" + name } // as it is written: nothing is tidied
	for _, folder := range []string{"data/journal", "other/journal", "database", "nothing"} {
		if err := os.MkdirAll(at(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"to-journal": at("data/journal"), "to-data": "data", "other/up": "../data/journal", "twice": "to-data/journal",
		"to-nothing": "data/not-yet", "to-nothing-else": "other/not-yet", "named": at("data"), "data/out": at("other"),
		"nothing/loop": "loop",
	} {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, in := range map[string]bool{
		"data": true, "data/journal": true, "data/journal/": true, "data/not-yet/at/all": true,
		"other/../data/journal": true, "data/../other/journal": false, "other": false, "other/journal": false, "dat": false, "data-2": false,
		"to-journal": true, "to-journal/deeper/not/yet": true, "to-data/journal": true, "other/up": true, "twice": true,
		"to-nothing": true, "to-nothing/deeper": true, "to-nothing-else": false, "data/out/journal": false,
		"..": false, ".": false,
	} {
		for _, data := range []string{"data", "named"} {
			err := outside(folder{path: at(data)}, at(name))
			if refused := err != nil && strings.Contains(err.Error(), "is in the data folder"); refused != in || err != nil && !refused {
				t.Errorf("%s, with the data in %s: %v", name, data, err)
			}
		}
	}
	if err := outside(folder{path: at("data")}, at("nothing/loop/journal")); err == nil || strings.Contains(err.Error(), "is in the data folder") {
		t.Errorf("a link to itself: %v", err)
	}
	if err := outside(folder{}, at("data/journal")); err != nil {
		t.Errorf("without a data folder: %v", err)
	}
	if err := outside(folder{path: at("no/data/yet")}, at("no/data/yet/journal")); err == nil {
		t.Error("a data folder that is not there yet has a journal in it")
	}
}

// Two files of one name in folders that are one are found by asking the system.
func TestAFolderOfTwoNamesIsOneFolder(t *testing.T) {
	t.Parallel()
	upper, lower := filepath.Join(t.TempDir(), "DATA"), ""
	if err := os.MkdirAll(filepath.Join(upper, "journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	lower = filepath.Join(filepath.Dir(upper), "data")
	if _, err := os.Stat(lower); errors.Is(err, os.ErrNotExist) {
		t.Skip("SKIPPED: case counts in this file system")
	}
	if !inside(upper, filepath.Join(lower, "journal")) {
		t.Error("the journal is not found in a folder whose name is written otherwise")
	}
}
