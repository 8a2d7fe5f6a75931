package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// machineTime is what all processors have worked since the start, for whomever.
func machineTime() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	total := 0
	for i, field := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 8 { // its name, idle, waiting for disks, guests
			continue
		}
		n, _ := strconv.Atoi(field)
		total += n
	}
	return time.Duration(total) * (time.Second / 100)
}
