package httpapi

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/verify"
)

// How long an export may take in all, and a client to take one batch of it.
const (
	exportWithin = 10 * time.Minute
	exportBatch  = 500
	batchWithin  = 30 * time.Second
)

// exportEvents answers GET /api/admin/audit/export: every event that matches, the
// newest first, as CSV or JSON. However many there are, one batch at a time is in
// memory. What happens after it began is not in it, so it ends.
//
// If it fails half-way the connection is cut: no client takes it for whole.
func (a *api) exportEvents(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	p := readParameters(r, append([]string{"format"}, trailParameters...)...)
	q := trail(p)
	format := p.text("format")
	if format != "csv" && format != "json" {
		p.fail("format", "csv or json")
	}
	if p.err != nil {
		return p.err
	}
	now := a.Now().UTC()
	if q.Before.IsZero() {
		q.Before = firstAt(now.Add(time.Millisecond))
	}
	q.Limit = exportBatch
	events, err := a.Events.Events(r.Context(), q)
	if err != nil {
		return err
	}
	if err := a.recordExport(r, c, format, now); err != nil {
		return err
	}

	h := w.Header()
	h.Set("Content-Disposition", `attachment; filename="watchword-audit-`+now.Format("20060102T150405Z")+`.`+format+`"`)
	buffered := bufio.NewWriterSize(w, 32<<10)
	var out exporter = &jsonExport{w: buffered}
	h.Set("Content-Type", "application/json")
	if format == "csv" {
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		out = &csvExport{csv.NewWriter(buffered)}
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	// From here on there is no other answer.
	cut := func(err error) {
		a.Logger.WarnContext(r.Context(), "an export was cut off", "request", entryOf(r).id, "error", err)
		panic(http.ErrAbortHandler)
	}
	if err := out.begin(); err != nil {
		cut(err)
	}
	known := names{}
	controller := http.NewResponseController(w)
	for {
		// Not every connection has deadlines; the server's own then has to do.
		_ = controller.SetWriteDeadline(time.Now().Add(batchWithin))
		for _, e := range events {
			if err := out.event(a.eventRecord(r.Context(), e, known)); err != nil {
				cut(err)
			}
		}
		if len(events) < q.Limit {
			break
		}
		q.Before = events[len(events)-1].ID
		if events, err = a.Events.Events(r.Context(), q); err != nil {
			cut(err)
		}
	}
	if err := out.end(); err != nil {
		cut(err)
	}
	if err := buffered.Flush(); err != nil {
		cut(err)
	}
	return nil
}

// recordExport writes down who took a copy of what. Without that there is none.
func (a *api) recordExport(r *http.Request, c *verify.Claims, format string, now time.Time) error {
	detail := map[string]string{"format": format}
	for name, values := range r.URL.Query() {
		if name != "format" && values[0] != "" {
			detail[name] = values[0]
		}
	}
	from := a.origin(r)
	return a.Events.Record(r.Context(), audit.Event{
		ID: uuid.New(now, a.Rand), At: now, Type: audit.AuditExported,
		Actor: c.Subject, IP: from.IP, UserAgent: from.UserAgent, Detail: detail,
	})
}

// exporter writes events in one format.
type exporter interface {
	begin() error
	event(eventRecord) error
	end() error
}

// jsonExport writes one object with a list of events, one a line.
type jsonExport struct {
	w     io.Writer
	count int
}

func (j *jsonExport) begin() error {
	_, err := io.WriteString(j.w, `{"events":[`)
	return err
}

func (j *jsonExport) event(e eventRecord) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	separator := "\n"
	if j.count++; j.count > 1 {
		separator = ",\n"
	}
	_, err = io.WriteString(j.w, separator+string(text))
	return err
}

func (j *jsonExport) end() error {
	_, err := io.WriteString(j.w, "\n]}\n")
	return err
}

// csvExport writes a line for each event (RFC 4180).
type csvExport struct{ w *csv.Writer }

// csvHeader names the columns.
var csvHeader = []string{"at", "type", "username", "user", "session", "actor_name", "actor", "ip", "user_agent", "detail", "id"}

func (c *csvExport) begin() error {
	c.w.UseCRLF = true
	return c.w.Write(csvHeader)
}

func (c *csvExport) event(e eventRecord) error {
	var detail []string
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		detail = append(detail, name+"="+strconv.Quote(e.Detail[name]))
	}
	row := []string{
		e.At, e.Type, e.Username, e.User, e.Session, e.ActorName, e.Actor, e.IP, e.UserAgent, strings.Join(detail, " "), e.ID,
	}
	for i := range row {
		row[i] = inert(row[i])
	}
	return c.w.Write(row)
}

func (c *csvExport) end() error {
	c.w.Flush()
	return c.w.Error()
}

// inert keeps a text from being a formula where a spreadsheet opens it: strangers
// choose usernames and user agents. The apostrophe is what spreadsheets themselves write
// before a text. Where the comma is for decimals they split at semicolons, whatever
// stands in quotes: so what follows one begins a cell, too, and what follows a tab.
func inert(text string) string { return formula.ReplaceAllString(text, "${1}'$2") }

// formula is the beginning of one, behind what spreadsheets skip.
var formula = regexp.MustCompile(`(^|[;\t])([\s\p{Z}\p{Cf}"]*[=+\-@|%＝＋－＠])`)
