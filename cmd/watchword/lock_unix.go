//go:build !windows

package main

import (
	"errors"
	"os"
	"syscall"
)

// flock locks a file for this process until it closes it or ends, or fails with errLocked.
func flock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// noFollow opens no symbolic link: where others may write to the data folder, the
// lock must not make this program write over a file elsewhere.
const noFollow = syscall.O_NOFOLLOW
