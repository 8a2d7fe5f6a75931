package verify_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAResourceServerNeedsTheStandardLibraryAlone(t *testing.T) {
	t.Parallel()
	const us = "github.com/watchwordauth/watchword/verify"
	for _, pkg := range []string{us, us + "/verifytest"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v\n%s", err, out)
		}
		want := slices.Compact([]string{us, pkg})
		if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
			t.Errorf("%s needs more than the standard library (-want +got):\n%s", pkg, diff)
		}
	}
}
