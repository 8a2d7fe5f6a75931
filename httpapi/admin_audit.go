package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/verify"
)

// eventRecord is an event as an administrator sees it. The names are those of
// today, for people; programs go by the ids.
type eventRecord struct {
	ID        string            `json:"id"`
	At        string            `json:"at"`
	Type      string            `json:"type"`
	User      string            `json:"user,omitempty"`
	Username  string            `json:"username,omitempty"`
	Session   string            `json:"session,omitempty"`
	Actor     string            `json:"actor"`
	ActorName string            `json:"actorName,omitempty"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"userAgent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

func (a *api) eventRecord(ctx context.Context, e audit.Event, names names) eventRecord {
	return eventRecord{
		ID: e.ID.String(), At: timestamp(e.At), Type: string(e.Type),
		User: e.User, Username: names.of(ctx, a.Accounts, e.User), Session: e.Session,
		Actor: e.Actor, ActorName: names.of(ctx, a.Accounts, e.Actor),
		IP: e.IP, UserAgent: e.UserAgent, Detail: e.Detail,
	}
}

// names remembers who an id is.
type names map[string]string

// maxNames bounds what is remembered.
const maxNames = 10_000

// of is the username of an id; "" for what is none, or of nobody, or if it cannot
// be known now: the id says it, too.
func (n names) of(ctx context.Context, accounts *account.Service, id string) string {
	parsed, err := account.ParseID(id)
	if err != nil {
		return ""
	}
	if name, ok := n[id]; ok {
		return name
	}
	name := ""
	if user, err := accounts.Find(ctx, parsed); err == nil {
		name = user.Username
	}
	if len(n) >= maxNames {
		clear(n)
	}
	n[id] = name
	return name
}

// trailParameters are those by which events are selected.
var trailParameters = []string{"user", "session", "type", "before", "since", "until"}

// trail is the query that the parameters ask for.
func trail(p *parameters) audit.Query {
	q := audit.Query{
		Session: p.sessionID("session"), Type: audit.Type(p.word("type")),
		Before: p.id("before"), Since: p.time("since"),
	}
	if user := p.id("user"); !user.IsZero() {
		q.User = user.String()
	}
	if until := p.time("until"); !until.IsZero() {
		if end := firstAt(until); q.Before.IsZero() || end.String() < q.Before.String() {
			q.Before = end
		}
	}
	return q
}

// firstAt is the first id that an event at this time can have: ids sort by time.
func firstAt(at time.Time) uuid.UUID {
	if at.Before(time.UnixMilli(0)) {
		at = time.UnixMilli(0)
	}
	return uuid.New(at, zeroes{})
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// listEvents answers GET /api/admin/audit.
func (a *api) listEvents(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	p := readParameters(r, append([]string{"limit"}, trailParameters...)...)
	q := trail(p)
	q.Limit = p.limit()
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
	known := names{}
	for _, e := range events {
		page.Events = append(page.Events, a.eventRecord(r.Context(), e, known))
	}
	if len(events) == q.Limit {
		page.Next = events[len(events)-1].ID.String()
	}
	return reply(w, http.StatusOK, page)
}
