package account_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/password"
	"github.com/watchwordauth/watchword/internal/throttle"
)

// The time of a refusal does not tell who exists. That the same number of hashes
// is computed is tested elsewhere; here the clock is looked at. Other work on the
// machine only ever adds to a time, so the two cases take turns and the shortest
// times are compared, which come together the longer one looks. If a hash were
// left out they would differ by a factor of hundreds.
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
	user, nobody := time.Hour, time.Hour
	for i := range 500 {
		// In no fixed order: the collector comes by at every so many hashes, and
		// must not always meet the same of the two.
		if rand.N(2) == 0 {
			user = min(user, took("anna"))
		}
		nobody = min(nobody, took(fmt.Sprint("nobody", i)))
		if rand.N(2) == 0 {
			user = min(user, took("anna"))
		}
		if ratio := float64(user) / float64(nobody); i >= 40 && ratio > 0.9 && ratio < 1.1 {
			t.Logf("after %d turns: user %v, nobody %v", i, user, nobody)
			return
		}
	}
	t.Errorf("a refusal takes %v for a user and %v for nobody", user, nobody)
}
