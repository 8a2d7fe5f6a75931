package httpapi

import (
	"context"
	"net/http"
	"time"
)

// Check is something without which the server should get no traffic.
type Check struct {
	Name string
	Fail func(context.Context) error // nil: all is well
}

// healthz answers GET /healthz: the process runs and answers.
func (a *api) healthz(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// readyWithin bounds all checks together.
const readyWithin = 3 * time.Second

// readyz answers GET /readyz: the store answers, the keys are there, and the
// revocations are fresh. Otherwise 503 names what is not.
func (a *api) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	passed := make(map[string]string, len(a.Checks))
	for _, check := range a.Checks {
		if err := check.Fail(ctx); err != nil {
			return problem(CodeUnavailable, "Not ready: %s.", check.Name).after(retrySoon).because(err)
		}
		passed[check.Name] = "ok"
	}
	return reply(w, http.StatusOK, struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ready", passed})
}
