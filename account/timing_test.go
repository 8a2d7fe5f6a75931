package account_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/internal/throttle"
)

// The time of a refusal does not tell who exists. That the same number of hashes
// is computed is tested elsewhere; here the clock is looked at. Other work on the
// machine makes single times useless, so the two cases take turns, their medians
// are compared, and of a few rounds one has to agree: if the work differed, none
// would. For a hash that is left out the medians differ by a factor of hundreds.
func TestARefusalTakesAsLongForNobodyAsForAUser(t *testing.T) {
	open := throttle.Limit{Burst: 1_000_000, Every: time.Nanosecond}
	h := newHouse(t, func(c *account.Config) {
		c.Hasher = password.New(password.Config{Cost: password.Cost{Memory: 4096, Passes: 1, Lanes: 1}})
		c.Limits = account.Limits{SignInAccount: open, SignInAddress: open, SignUpAddress: open}
	})
	h.signUp(t, "anna", "correct horse")
	took := func(login string) time.Duration {
		began := time.Now()
		if _, err := h.Authenticate(t.Context(), login, "incorrect horse", home); !errors.Is(err, account.ErrCredentials) {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	median := func(times []time.Duration) time.Duration {
		slices.Sort(times)
		return times[len(times)/2]
	}
	var tried []string
	for range 5 {
		var user, nobody []time.Duration
		for i := range 41 {
			user = append(user, took("anna"))
			nobody = append(nobody, took(fmt.Sprint("nobody", i)))
		}
		u, n := median(user), median(nobody)
		tried = append(tried, fmt.Sprintf("user %v, nobody %v", u, n))
		if ratio := float64(u) / float64(n); ratio > 0.9 && ratio < 1.1 {
			t.Log(tried)
			return
		}
	}
	t.Errorf("refusals take different times: %v", tried)
}
