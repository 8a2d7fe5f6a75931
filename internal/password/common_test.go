package password

import (
	"slices"
	"strings"
	"testing"
)

// The search relies on the list's form, and the list's worth on its length.
func TestTheListOfCommonPasswordsIsInForm(t *testing.T) {
	t.Parallel()
	list := common()
	if len(list) < 5_000 {
		t.Errorf("the list has %d passwords, want at least 5,000", len(list))
	}
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("the list is not sorted, or has something twice")
	}
	for _, p := range list {
		if len(p) < MinLength || strings.ToLower(p) != p {
			t.Errorf("%q is too short or not in lower case", p)
		}
	}
}
