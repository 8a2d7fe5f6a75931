package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// flock locks a byte that lies beyond what is written, so that others can read
// the file.
func flock(file *os.File) error {
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

// noFollow is for systems on which everybody can make symbolic links.
const noFollow = 0
