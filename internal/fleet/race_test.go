//go:build linux && race

package fleet

// raceFlag builds the nodes as the tests are built: so they watch for races, too.
const raceFlag = "-race=true"
