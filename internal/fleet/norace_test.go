//go:build linux && !race

package fleet

const raceFlag = "-race=false"
