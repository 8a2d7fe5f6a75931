package httpapi

import (
	"net/http"
	"time"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// sessionRecord is a session as an administrator sees it.
type sessionRecord struct {
	ID         string      `json:"id"`
	UserID     string      `json:"userId"`
	ClientID   string      `json:"clientId"`
	Delivery   string      `json:"delivery"`
	CreatedAt  string      `json:"createdAt"`
	ExpiresAt  string      `json:"expiresAt"`
	IdleUntil  string      `json:"idleUntil"`
	Generation uint64      `json:"generation"`
	RotatedAt  string      `json:"rotatedAt"`
	LastUsedAt string      `json:"lastUsedAt"`
	Birth      place       `json:"birth"`
	LastSeen   place       `json:"lastSeen"`
	Ended      *sessionEnd `json:"ended,omitempty"`
}

type place struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
}

// sessionEnd says why a session is over; at and by only if somebody ended it.
type sessionEnd struct {
	Reason string `json:"reason"`
	At     string `json:"at,omitempty"`
	By     string `json:"by,omitempty"`
}

func (a *api) sessionRecord(s session.Session) sessionRecord {
	record := sessionRecord{
		ID: s.ID.String(), UserID: s.UserID.String(), ClientID: s.ClientID, Delivery: s.Delivery.String(),
		CreatedAt: timestamp(s.CreatedAt), ExpiresAt: timestamp(s.ExpiresAt), IdleUntil: timestamp(s.IdleUntil),
		Generation: s.Generation, RotatedAt: timestamp(s.RotatedAt), LastUsedAt: timestamp(s.EmittedAt),
		Birth: place(s.Birth), LastSeen: place(s.LastSeen),
	}
	if reason, ended := s.EndedBy(a.Now()); ended {
		record.Ended = &sessionEnd{Reason: string(reason)}
		if s.Revoked() {
			record.Ended.At, record.Ended.By = timestamp(s.Tombstone.At), s.Tombstone.By
		}
	}
	return record
}

// sessionPage is a list of sessions, and where the next page begins.
type sessionPage struct {
	Sessions []sessionRecord `json:"sessions"`
	Next     string          `json:"next,omitempty"` // "before" of the next page
}

// listSessions answers GET /api/admin/sessions.
func (a *api) listSessions(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	p := readParameters(r, "user", "alive", "before", "limit")
	q := session.Query{User: p.id("user"), Before: p.time("before"), Limit: p.limit()}
	if alive := p.boolean("alive"); alive != nil && *alive {
		q.Alive = a.Now().UTC()
	}
	if p.err != nil {
		return p.err
	}
	return a.replySessions(w, r, q)
}

// listUserSessions answers GET /api/admin/users/{id}/sessions.
func (a *api) listUserSessions(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	p := readParameters(r, "alive", "before", "limit")
	q := session.Query{Before: p.time("before"), Limit: p.limit()}
	if alive := p.boolean("alive"); alive != nil && *alive {
		q.Alive = a.Now().UTC()
	}
	if p.err != nil {
		return p.err
	}
	user, err := a.pathExisting(r)
	if err != nil {
		return err
	}
	q.User = user.ID
	return a.replySessions(w, r, q)
}

func (a *api) replySessions(w http.ResponseWriter, r *http.Request, q session.Query) error {
	sessions, err := a.Sessions.List(r.Context(), q)
	if err != nil {
		return err
	}
	page := sessionPage{Sessions: make([]sessionRecord, 0, len(sessions))}
	for _, s := range sessions {
		page.Sessions = append(page.Sessions, a.sessionRecord(s))
	}
	if len(sessions) == q.Limit {
		page.Next = sessions[len(sessions)-1].CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	return reply(w, http.StatusOK, page)
}

// endUserSessions answers DELETE /api/admin/users/{id}/sessions.
func (a *api) endUserSessions(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	user, err := a.pathExisting(r)
	if err != nil {
		return err
	}
	ended, err := a.Sessions.EndUser(r.Context(), user.ID, session.ID{}, session.EndedByAdmin, c.Subject)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Ended int `json:"ended"`
	}{ended})
}

// story is a session's life as far as it is known.
type story struct {
	Session sessionRecord `json:"session"`
	Events  []eventRecord `json:"events"` // oldest first
}

// explainSession answers GET /api/admin/sessions/{id}.
func (a *api) explainSession(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	id, err := pathSession(r)
	if err != nil {
		return err
	}
	told, err := a.Sessions.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	answer := story{Session: a.sessionRecord(told.Session), Events: make([]eventRecord, 0, len(told.Events))}
	known := names{}
	for _, e := range told.Events {
		answer.Events = append(answer.Events, a.eventRecord(r.Context(), e, known))
	}
	return reply(w, http.StatusOK, answer)
}

// endSession answers DELETE /api/admin/sessions/{id}.
func (a *api) endSession(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, err := pathSession(r)
	if err != nil {
		return err
	}
	if _, err := a.Sessions.End(r.Context(), id, session.EndedByAdmin, c.Subject); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
