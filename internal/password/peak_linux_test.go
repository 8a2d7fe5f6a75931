package password_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Sixty-four people sign in at once. A hash needs 19 MiB, so all of them together
// would need 1.2 GiB. The program is built without the race detector, which
// would be measured too, and has two processors.
func TestSixtyFourSignInsAtOnceNeedLessThan150MB(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "peak")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/peak").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	run := exec.Command(program)
	run.Env = append(run.Environ(), "GOMAXPROCS=2", "GOGC=100", "GOMEMLIMIT=off")
	out, err := run.Output()
	if err != nil {
		t.Fatalf("run the program: %v", err)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak: %d MiB", kib/1024)
	if kib*1024 > 150_000_000 {
		t.Errorf("64 sign-ins at once needed %d KiB, want at most 150 MB", kib)
	}
	if kib < 19*1024 {
		t.Errorf("64 sign-ins at once needed %d KiB, less than one hash: nothing was measured", kib)
	}
}
