package httpapi

import (
	"net/http"
	"time"

	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// statistics answers GET /api/admin/statistics: how many users and sessions there
// are, and what this node did in the last hour and since it started.
func (a *api) statistics(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	count, err := a.Census.Take(r.Context())
	if err != nil {
		return err
	}
	history := a.Metrics.History()
	points := make([]point, 0, len(history))
	for _, p := range history {
		points = append(points, point{
			At: timestamp(p.At), tally: tallyOf(p.Tally), ActiveSessions: p.ActiveSessions,
			Hashing: queue{p.Hashing.Running, p.Hashing.Waiting},
		})
	}
	return reply(w, http.StatusOK, struct {
		Users    int     `json:"users"`
		Blocked  int     `json:"blockedUsers"`
		Sessions int     `json:"sessions"`
		Since    string  `json:"since"`
		Totals   tally   `json:"totals"`
		Interval int     `json:"interval"` // seconds
		Points   []point `json:"points"`
	}{
		count.Users, count.Blocked, count.Sessions,
		timestamp(a.Metrics.Started()), tallyOf(a.Metrics.Totals()), int(metric.Interval / time.Second), points,
	})
}

// tally is what was counted in some time.
type tally struct {
	SignIns        uint64    `json:"signIns"`
	SignInFailures uint64    `json:"signInFailures"`
	Throttled      uint64    `json:"throttled"`
	Refreshes      refreshes `json:"refreshes"`
	Heals          uint64    `json:"heals"`
	SessionsEnded  uint64    `json:"sessionsEnded"`
	StoreMillis    quantiles `json:"storeMillis"`
}

// refreshes is how often the refresh rule gave each verdict.
type refreshes struct {
	Keep      uint64 `json:"keep"`
	Rotate    uint64 `json:"rotate"`
	Replay    uint64 `json:"replay"`
	Straggler uint64 `json:"straggler"`
	Reuse     uint64 `json:"reuse"`
	Ended     uint64 `json:"ended"`
	Ahead     uint64 `json:"ahead"`
}

type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// point is an interval of the last hour.
type point struct {
	At string `json:"at"`
	tally
	ActiveSessions int   `json:"activeSessions"`
	Hashing        queue `json:"hashing"`
}

type queue struct {
	Running int `json:"running"`
	Waiting int `json:"waiting"`
}

func tallyOf(t metric.Tally) tally {
	verdicts := t.Refreshes
	return tally{
		SignIns: t.SignIns, SignInFailures: t.SignInFailures, Throttled: t.Throttled,
		Refreshes: refreshes{
			Keep: verdicts[session.Keep], Rotate: verdicts[session.Rotate], Replay: verdicts[session.Replay],
			Straggler: verdicts[session.Straggler], Reuse: verdicts[session.Reuse],
			Ended: verdicts[session.Ended], Ahead: verdicts[session.Ahead],
		},
		Heals: t.Heals, SessionsEnded: t.SessionsEnded,
		StoreMillis: quantiles{P50: millis(t.StoreTook(0.50)), P99: millis(t.StoreTook(0.99))},
	}
}

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Round(time.Microsecond).Microseconds()) / 1000 }
