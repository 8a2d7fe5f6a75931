//go:build !windows

package lock

import (
	"errors"
	"os"
	"syscall"
)

func flock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

const noFollow = syscall.O_NOFOLLOW
