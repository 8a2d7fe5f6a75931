package main

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// flock locks a file for this process until it closes it or ends, or fails with
// errLocked. The byte that is locked lies beyond what is written, so that others
// can read who holds it.
func flock(file *os.File) error {
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}

// noFollow is for systems on which everybody can make symbolic links.
const noFollow = 0
