package httpapi

import (
	"net/http"

	"github.com/watchwordauth/watchword/verify"
)

// statistics answers GET /api/admin/statistics.
func (a *api) statistics(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	users, blocked, err := a.Accounts.Count(r.Context())
	if err != nil {
		return err
	}
	sessions, err := a.Sessions.Store.Count(r.Context(), a.Now().UTC())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Users    int `json:"users"`
		Blocked  int `json:"blockedUsers"`
		Sessions int `json:"sessions"`
	}{users, blocked, sessions})
}
