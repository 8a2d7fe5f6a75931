//go:build !linux

package fleet

import "testing"

func TestFleet(t *testing.T) {
	t.Skip("SKIPPED: what happens when nodes and databases are killed is tested on Linux alone")
}
