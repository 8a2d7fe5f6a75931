package main

import (
	"runtime/debug"
	"strings"
)

// collectLess lets the heap of a server grow to five times what is alive, unless
// the environment says otherwise (GOGC). What is alive is small, a few megabytes,
// while every request leaves garbage behind: with Go's default a server under
// load collects dozens of times a second, for a sixth of its processor time.
func collectLess(environ []string) {
	for _, variable := range environ {
		if value, ok := strings.CutPrefix(variable, "GOGC="); ok && value != "" {
			return
		}
	}
	debug.SetGCPercent(400)
}
