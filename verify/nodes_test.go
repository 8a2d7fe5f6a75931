package verify_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// Behind one address there may be several nodes. Each reads the store when it
// likes, and no two clocks are alike, so a stream of one may begin with an older
// state than the answer of another showed.
func TestNodesMayBeALittleApart(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		apart time.Duration
		heard bool // whether the stream brings news at once
	}{
		"not at all":              {0, true},
		"half a second":           {500 * time.Millisecond, true},
		"a whole second":          {time.Second, true},
		"two, a replay it may be": {2 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				var behind atomic.Int64
				i.Now = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
				n.breakWith(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Header.Get("Accept") == "text/event-stream" {
						behind.Store(int64(row.apart))
					}
					return false
				})
				v := n.verifier(t)
				pass(100 * time.Millisecond)
				token := i.Mint(verify.Claims{SessionID: "dead"})
				mustAccept(t, v, token)
				i.Revoke("dead")
				synctest.Wait()
				if _, err := v.Verify(t.Context(), token); (err != nil) != row.heard {
					t.Errorf("right after the revocation: %v; the feed: %v", err, v.Status().FeedError)
				}
				pass(time.Minute)
				mustRefuse(t, v, token, verify.ErrRevoked)
				if row.heard && (v.Status().FeedError != nil || v.Status().Stale) {
					t.Errorf("status %+v", v.Status())
				}
			})
		})
	}
}
