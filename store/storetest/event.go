package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/audit"
)

// Events tests an audit.Store.
func Events(t *testing.T, open func(t testing.TB) audit.Store) {
	each(t, open, map[string]func(*testing.T, audit.Store){
		"events come back as they were, newest first":   eventsAreKept,
		"an event is recorded once":                     eventIsRecordedOnce,
		"texts come back byte by byte":                  eventTextsAreBytes,
		"events are read page by page":                  eventsArePaged,
		"events are selected":                           eventsAreSelected,
		"a page has a bounded size":                     eventPagesAreBounded,
		"the oldest events are forgotten, a few a time": eventsAreForgotten,
		"what went in and came out is a copy":           eventsAreCopies,
		"many recorders lose nothing":                   eventsAreRecordedTogether,
		"an ended context ends the verb":                eventVerbsHonourTheContext,
	})
}

// something happened n milliseconds into the story.
func something(n int) audit.Event {
	at := after(time.Duration(n) * time.Millisecond)
	return audit.Event{
		ID: uuidAt(at), At: at, Type: audit.SessionBegun, User: "anna", Session: "s1", Actor: "system",
		IP: "2001:db8::1", UserAgent: "Firefox", Detail: map[string]string{"client": "web", "delivery": "cookie"},
	}
}

func record(t testing.TB, s audit.Store, events ...audit.Event) {
	t.Helper()
	ok(t, "record", s.Record(t.Context(), events...))
}

func tells(t testing.TB, s audit.Store, what string, q audit.Query, want ...audit.Event) {
	t.Helper()
	got, err := s.Events(t.Context(), q)
	ok(t, what, err)
	same(t, what, got, want)
	for _, e := range got {
		utc(t, e.At)
	}
}

func eventsAreKept(t *testing.T, s audit.Store) {
	tells(t, s, "at first", audit.Query{})
	one, two, bare := something(0), something(1), audit.Event{ID: uuidAt(after(time.Hour)), At: after(time.Hour), Type: audit.KeyRotated}
	record(t, s, bare, one)
	record(t, s)
	record(t, s, two)
	tells(t, s, "all", audit.Query{}, bare, two, one)
}

func eventIsRecordedOnce(t *testing.T, s audit.Store) {
	one, two := something(0), something(1)
	record(t, s, one)
	changed := one
	changed.Actor, changed.At = "somebody else", after(time.Hour)
	record(t, s, changed, two, two)
	tells(t, s, "afterwards", audit.Query{}, two, one)
}

func eventTextsAreBytes(t *testing.T, s audit.Store) {
	var want []audit.Event
	for i, text := range awkward {
		e := something(i)
		e.Type, e.User, e.Session, e.Actor, e.IP, e.UserAgent = audit.Type(text), text, text, text, text, text
		e.Detail = map[string]string{text: text, "": "", "other": text, text + text: ""}
		want = append([]audit.Event{e}, want...)
	}
	record(t, s, want...)
	tells(t, s, "all", audit.Query{Limit: 1000}, want...)
	for _, e := range want {
		tells(t, s, fmt.Sprintf("of the user %q", e.User), audit.Query{User: e.User}, e)
		tells(t, s, fmt.Sprintf("of the session %q", e.Session), audit.Query{Session: e.Session}, e)
		tells(t, s, fmt.Sprintf("of the type %q", e.Type), audit.Query{Type: e.Type}, e)
	}
}

func eventsArePaged(t *testing.T, s audit.Store) {
	var want []audit.Event
	for i := range 8 {
		e := something(i / 2) // two in each millisecond
		want = append(want, e)
	}
	record(t, s, want...)
	sortNewest(want)
	var got []audit.Event
	q := audit.Query{Limit: 3}
	for range 10 {
		page, err := s.Events(t.Context(), q)
		ok(t, "read", err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		q.Before = page[len(page)-1].ID
	}
	same(t, "all pages", got, want)
}

func eventsAreSelected(t *testing.T, s audit.Store) {
	begun, ended, other, failed := something(0), something(1), something(2), something(3)
	ended.Type = audit.SessionEnded
	other.User, other.Session = "berta", "s2"
	failed.Type, failed.User, failed.Session = audit.UserSignInFailed, "", ""
	record(t, s, begun, ended, other, failed)
	for what, row := range map[string]struct {
		query audit.Query
		want  []audit.Event
	}{
		"a user's":          {audit.Query{User: "anna"}, []audit.Event{ended, begun}},
		"a session's":       {audit.Query{Session: "s2"}, []audit.Event{other}},
		"of a type":         {audit.Query{Type: audit.SessionBegun}, []audit.Event{other, begun}},
		"since a time":      {audit.Query{Since: ended.At}, []audit.Event{failed, other, ended}},
		"since just after":  {audit.Query{Since: ended.At.Add(time.Microsecond)}, []audit.Event{failed, other}},
		"of a type, a user": {audit.Query{Type: audit.SessionBegun, User: "anna"}, []audit.Event{begun}},
		"before one":        {audit.Query{Before: ended.ID, User: "anna"}, []audit.Event{begun}},
		"all at once":       {audit.Query{User: "anna", Session: "s1", Type: audit.SessionEnded, Before: other.ID, Since: begun.At, Limit: 1}, []audit.Event{ended}},
		"of nobody":         {audit.Query{User: "clara"}, nil},
	} {
		tells(t, s, what, row.query, row.want...)
	}
}

func eventPagesAreBounded(t *testing.T, s audit.Store) {
	var events []audit.Event
	for i := range 1002 {
		events = append(events, something(i))
	}
	record(t, s, events...)
	for limit, want := range map[int]int{0: 50, 1: 1, 1000: 1000, 1001: 1000, 1002: 1000} {
		got, err := s.Events(t.Context(), audit.Query{Limit: limit})
		ok(t, "read", err)
		if len(got) != want {
			t.Errorf("limit %d gave %d, want %d", limit, len(got), want)
		}
	}
}

func eventsAreForgotten(t *testing.T, s audit.Store) {
	var events []audit.Event
	for i := range 6 {
		events = append(events, something(i))
	}
	record(t, s, events...)
	forget := func(before time.Time, limit, want int) {
		t.Helper()
		if n, err := s.Forget(t.Context(), before, limit); n != want || err != nil {
			t.Errorf("Forget(%v, %d) = %d, %v; want %d", before, limit, n, err, want)
		}
	}
	forget(events[0].At, 10, 0) // not older than itself
	forget(events[4].At, 0, 0)
	forget(events[4].At, 3, 3)
	tells(t, s, "after three", audit.Query{}, events[5], events[4], events[3])
	forget(events[4].At, 3, 1)
	forget(events[4].At, 3, 0)
	tells(t, s, "after four", audit.Query{}, events[5], events[4])
	tells(t, s, "of the session", audit.Query{Session: "s1"}, events[5], events[4])

	// What is older is a matter of the time, not of the id.
	older := something(6)
	older.At = start
	record(t, s, older)
	forget(after(time.Hour), 1, 1)
	tells(t, s, "after the oldest went", audit.Query{}, events[5], events[4])
}

func eventsAreCopies(t *testing.T, s audit.Store) {
	want := something(0)
	given := want
	given.Detail = map[string]string{"client": "web", "delivery": "cookie"}
	record(t, s, given)
	given.Detail["client"] = "changed after it went in"
	got, err := s.Events(t.Context(), audit.Query{})
	ok(t, "read", err)
	got[0].Detail["client"] = "changed after it came out"
	tells(t, s, "afterwards", audit.Query{}, want)
}

func eventsAreRecordedTogether(t *testing.T, s audit.Store) {
	const n = 40
	var want []audit.Event
	for i := range 2 * n {
		want = append(want, something(i))
	}
	for _, err := range together(n, func(i int) error { return s.Record(t.Context(), want[2*i], want[2*i+1]) }) {
		ok(t, "record", err)
	}
	sortNewest(want)
	tells(t, s, "all", audit.Query{Limit: 1000}, want...)
}

func eventVerbsHonourTheContext(t *testing.T, s audit.Store) {
	ctx := cancelled(t)
	for verb, err := range map[string]error{
		"Record": s.Record(ctx, something(0)),
		"Events": second(s.Events(ctx, audit.Query{})),
		"Forget": second(s.Forget(ctx, start, 1)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", verb, err, context.Canceled)
		}
	}
	tells(t, s, "afterwards", audit.Query{})
}
