//go:build race

package session

// underRace: the race detector makes the explorer ten times slower and has
// nothing to see in it.
const underRace = true
