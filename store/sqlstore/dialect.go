package sqlstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/watchwordauth/watchword/session"
)

// dialect is what differs between the databases.
type dialect struct {
	name string // its folder under migrations

	embedded  bool   // it runs in this process: there is no network to fail, and preparing statements pays
	numbered  bool   // parameters are $1, $2 … instead of ?
	narrow    bool   // sessions are kept narrow: see narrow.go
	forUpdate string // what makes a SELECT lock its rows until the transaction ends
	// skipLocked is what makes such a SELECT leave out the rows that others have locked;
	// "" where it cannot.
	skipLocked string
	byKey      string // what makes a statement find a table's rows by their ids, however few there are
	unlessID   string // what makes an INSERT leave a row alone whose id is present
	contains   string // an expression: the text ? is part of the column roles

	// confirm changes nothing and is logged all the same, so that a commit of it waits
	// for whatever durable commits wait for; "" where what can be seen is durable.
	confirm string

	touch string // writes something that nobody reads

	versions  string // makes the table of versions unless it is there
	versioned string // asks whether it is there: 1, or 0
	lock      string // keeps other processes from migrating until unlock, or the end of the transaction
	unlock    string

	// text is a text as a parameter of a column that keeps it byte by byte.
	text func(string) any

	// among selects rows by their id: a condition, and its parameters.
	among func(ids [][16]byte) (string, []any)

	// place is the number by which a session is found, if the table of sessions is
	// ordered by one; nil where the id does.
	place func(id session.ID) int64

	// What an error of the driver means.
	duplicate   func(error) bool   // a unique value is taken
	again       func(error) bool   // nothing happened; trying again may succeed
	unavailable func(error) bool   // the database cannot be used at the moment
	advice      func(error) string // how to mend that, or ""

	// advance executes rotations in their order, as durably as a pool's commits are,
	// and says which of them won. It waits for nobody who holds a row.
	advance func(ctx context.Context, db *DB, on *pool, rotations []rotation) ([]advanced, error)
}

// sql is a statement, written with ? for parameters, as the dialect has it.
func (d *dialect) sql(statement string) string {
	if !d.numbered {
		return statement
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(statement, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// filter collects the conditions of a query.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) and(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

// where is the clause, "" without conditions.
func (f *filter) where() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conditions, " AND ")
}

// session selects a session by its id: a condition, and its parameters.
func (d *dialect) session(id session.ID) (string, []any) {
	if d.place == nil {
		return `id = ?`, []any{id[:]}
	}
	return `place = ? AND id = ?`, []any{d.place(id), id[:]}
}

// amongSessions selects sessions by their ids. Where sessions have places it may
// select others beside them, by the rarest of chances.
func (d *dialect) amongSessions(ids [][16]byte) (string, []any) {
	if d.place == nil {
		return d.among(ids)
	}
	list := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, d.place(id), 10)
	}
	return `place IN (SELECT value FROM json_each(?))`, []any{string(append(list, ']'))}
}
