package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// ownSession is one of a user's sessions as the user sees it.
//
// LastSeen is a day, not a moment: a thief with a stolen access token who could
// see when the owner last refreshed would know when to refresh unnoticed.
type ownSession struct {
	ID        string `json:"id"`
	Current   bool   `json:"current"` // the one that asks
	Delivery  string `json:"delivery"`
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
	CreatedAt string `json:"createdAt"`
	ExpiresAt string `json:"expiresAt"`
	LastSeen  string `json:"lastSeen"`
}

// listOwn answers GET /api/auth/sessions.
func (a *api) listOwn(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	user, current, err := subjectOf(c)
	if err != nil {
		return err
	}
	sessions, err := a.Sessions.ByUser(r.Context(), user)
	if err != nil {
		return err
	}
	answer := struct {
		Sessions []ownSession `json:"sessions"`
	}{make([]ownSession, 0, len(sessions))}
	for _, s := range sessions {
		answer.Sessions = append(answer.Sessions, ownSession{
			ID: s.ID.String(), Current: s.ID == current, Delivery: s.Delivery.String(),
			IP: s.LastSeen.IP, UserAgent: s.LastSeen.UserAgent,
			CreatedAt: timestamp(s.CreatedAt), ExpiresAt: timestamp(s.ExpiresAt),
			LastSeen: s.EmittedAt.UTC().Format(time.DateOnly),
		})
	}
	return reply(w, http.StatusOK, answer)
}

// endOwn answers DELETE /api/auth/sessions/{id}.
func (a *api) endOwn(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	user, current, err := subjectOf(c)
	if err != nil {
		return err
	}
	id, err := pathSession(r)
	if err != nil {
		return err
	}
	reason := session.EndedByUser
	if id == current {
		reason = session.SignedOut
	}
	if _, err := a.Sessions.EndOwn(r.Context(), user, id, reason); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pathSession reads the session that the path names. What is no id names none.
func pathSession(r *http.Request) (session.ID, error) {
	id, err := session.ParseID(r.PathValue("id"))
	if err != nil {
		return session.ID{}, errors.Join(session.ErrNotFound, err)
	}
	return id, nil
}
