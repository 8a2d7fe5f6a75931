//go:build race

package simulate

// underRace: the race detector makes a simulation ten times slower, and a world
// lives in one thread.
const underRace = true
