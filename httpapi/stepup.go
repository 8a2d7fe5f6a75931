package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// stepUpWithin is how long after giving their password an administrator may do
// what gives power or destroys. A stolen access token, or a browser that was left
// open, does less harm so.
const stepUpWithin = 15 * time.Minute

// recent lets a request through whose user gave their password lately.
func (a *api) recent(next claimed) claimed {
	return func(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
		if err := a.requireRecent(c); err != nil {
			return err
		}
		return next(w, r, c)
	}
}

// requireRecent fails unless the user gave their password lately, as RFC 9470
// section 3 has it. A refresh does not help: the new access token says the same
// auth_time. A sign-in does.
func (a *api) requireRecent(c *verify.Claims) error {
	if age := a.Now().Sub(c.AuthTime); !c.AuthTime.IsZero() && age <= stepUpWithin {
		return nil
	}
	return problem(CodeStepUp, "Please sign in again: this needs a password that was given less than %d minutes ago.", stepUpWithin/time.Minute).
		challenge(`Bearer error="insufficient_user_authentication", error_description="A more recent authentication is required", max_age="` +
			strconv.Itoa(int(stepUpWithin/time.Second)) + `"`)
}
