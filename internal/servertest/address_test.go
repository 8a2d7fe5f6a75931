package servertest_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/watchwordauth/watchword/internal/servertest"
)

// verdict is a test that notes how it ends.
type verdict struct {
	testing.TB
	failed, skipped string
}

func (v *verdict) Helper() {}

func (v *verdict) Fatalf(format string, args ...any) {
	v.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Skipf(format string, args ...any) {
	v.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// What is to be tested is never left out in silence.
func TestATestWithoutItsServerIsSkippedUnlessItIsRequired(t *testing.T) {
	const variable = "WATCHWORD_TEST_POSTGRES_URL"
	for name, row := range map[string]struct {
		address, require string
		want             verdict
	}{
		"there":                      {address: "postgres://x"},
		"there, and required":        {address: "postgres://x", require: "postgres"},
		"not there":                  {want: verdict{skipped: "SKIPPED: postgres is not tested, since " + variable + " does not say where it is"}},
		"not there, another is":      {require: "mysql,redis", want: verdict{skipped: "SKIPPED: postgres is not tested, since " + variable + " does not say where it is"}},
		"not there, and required":    {require: "mysql,postgres", want: verdict{failed: "postgres is required, and " + variable + " does not say where it is"}},
		"not there, part of a name":  {require: "postgresql", want: verdict{skipped: "SKIPPED: postgres is not tested, since " + variable + " does not say where it is"}},
		"not there, the only one is": {require: "postgres", want: verdict{failed: "postgres is required, and " + variable + " does not say where it is"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(variable, row.address)
			t.Setenv("WATCHWORD_TEST_REQUIRE", row.require)
			var got verdict
			address, done := "", make(chan struct{})
			go func() {
				defer close(done)
				address = servertest.Address(&got, "postgres", variable)
			}()
			<-done
			if got != row.want || address != row.address {
				t.Errorf("Address = %q, failed %q, skipped %q; want failed %q, skipped %q", address, got.failed, got.skipped, row.want.failed, row.want.skipped)
			}
		})
	}
}
