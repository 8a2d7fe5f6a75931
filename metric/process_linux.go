package metric

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// readUsage asks the kernel about this process.
func readUsage() (u usage) {
	var spent syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &spent) == nil {
		u.cpu = time.Duration(spent.Utime.Nano() + spent.Stime.Nano())
	}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil { // proc(5): pages in all, resident pages …
		if fields := bytes.Fields(statm); len(fields) > 1 {
			pages, _ := strconv.ParseFloat(string(fields[1]), 64)
			u.memory = pages * float64(os.Getpagesize())
		}
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = float64(len(open) - 1) // one is of this reading
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		u.maxFiles = float64(limit.Cur)
	}
	return u
}
