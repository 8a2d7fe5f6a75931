package httpapi

import (
	"net/http"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/verify"
)

// eventRecord is an event as an administrator sees it.
type eventRecord struct {
	ID        string            `json:"id"`
	At        string            `json:"at"`
	Type      string            `json:"type"`
	User      string            `json:"user,omitempty"`
	Session   string            `json:"session,omitempty"`
	Actor     string            `json:"actor"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"userAgent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

func newEventRecord(e audit.Event) eventRecord {
	return eventRecord{
		ID: e.ID.String(), At: timestamp(e.At), Type: string(e.Type), User: e.User, Session: e.Session,
		Actor: e.Actor, IP: e.IP, UserAgent: e.UserAgent, Detail: e.Detail,
	}
}

// listEvents answers GET /api/admin/audit.
func (a *api) listEvents(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	p := readParameters(r, "user", "session", "type", "before", "since", "limit")
	q := audit.Query{
		Session: p.sessionID("session"), Type: audit.Type(p.text("type")),
		Before: p.id("before"), Since: p.time("since"), Limit: p.limit(),
	}
	if user := p.id("user"); !user.IsZero() {
		q.User = user.String()
	}
	if p.err != nil {
		return p.err
	}
	events, err := a.Events.Events(r.Context(), q)
	if err != nil {
		return err
	}
	page := struct {
		Events []eventRecord `json:"events"`
		Next   string        `json:"next,omitempty"` // "before" of the next page
	}{Events: make([]eventRecord, 0, len(events))}
	for _, e := range events {
		page.Events = append(page.Events, newEventRecord(e))
	}
	if len(events) == q.Limit {
		page.Next = events[len(events)-1].ID.String()
	}
	return reply(w, http.StatusOK, page)
}
