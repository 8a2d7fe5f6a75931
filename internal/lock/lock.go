// Package lock lets one process at a time have a file. The system gives the lock
// back however the process ends.
package lock

import (
	"errors"
	"os"
)

// ErrLocked is returned for a file that somebody else has locked.
var ErrLocked = errors.New("locked")

// Open opens a file for reading and writing, with the flags of os.OpenFile in
// addition, and locks it until it is closed. A file that it makes is for this
// user alone. Somebody else's lock is ErrLocked: Open does not wait. A symbolic
// link is not followed: where others may write to the folder, it must not make
// this program write over a file elsewhere.
func Open(name string, flags int) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|noFollow|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
