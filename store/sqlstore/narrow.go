package sqlstore

import (
	"fmt"
	"strings"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// Where millions of sessions fill a server's memory, their rows and indexes are
// kept narrow (dialect.narrow):
//
//   - addresses and user agents are short: see origin.go;
//   - a column that repeats another, or says nothing, is NULL;
//   - the indexes of times hold one entry for all sessions of some minutes, which
//     costs a third of one for each. A statement names the minutes and the time;
//   - the index of users holds a number made of the user's id: half as wide. A
//     statement names the number and the user.

// minutes is how many bits of a time, in microseconds, the indexes of times leave
// out: 2^31 µs are 36 minutes.
const minutes = 31

// ip and agent are parameters of columns that hold an address and a user agent.
func (d *dialect) ip(text string) any {
	if d.narrow {
		return shortIP(text)
	}
	return d.text(text)
}

func (d *dialect) agent(text string) any {
	if d.narrow {
		return shortAgent(text)
	}
	return d.text(text)
}

// origin is what ip and agent were made of.
func (d *dialect) origin(ip, agent text) (session.Origin, error) {
	if !d.narrow {
		return session.Origin{IP: string(ip), UserAgent: string(agent)}, nil
	}
	var o session.Origin
	var err error
	if o.IP, err = long([]byte(ip)); err == nil {
		o.UserAgent, err = long([]byte(agent))
	}
	return o, err
}

// emitted is the parameter of the column emitted_at: as a rule a token is handed out
// once, when it comes to be.
func (d *dialect) emitted(r session.Register) any {
	if d.narrow && micros(r.EmittedAt) == micros(r.RotatedAt) {
		return nil
	}
	return micros(r.EmittedAt)
}

// unlessEmpty is a parameter of a column that holds a text, as a rule none.
func (d *dialect) unlessEmpty(text string) any {
	if d.narrow && text == "" {
		return nil
	}
	return d.text(text)
}

// ofUser selects a user's sessions: a condition, and its parameters.
func (d *dialect) ofUser(user account.ID) (string, []any) {
	if d.narrow {
		return `uuid_hash_extended(user_id, 0) = uuid_hash_extended(?, 0) AND user_id = ?`, []any{user[:], user[:]}
	}
	return `user_id = ?`, []any{user[:]}
}

// earlier selects sessions whose time in a column, which has an index, lies before a
// given one.
func (d *dialect) earlier(column string, at int64) (string, []any) {
	if d.narrow {
		return fmt.Sprintf(`%[1]s >> %[2]d <= ? AND %[1]s < ?`, column, minutes), []any{at >> minutes, at}
	}
	return column + ` < ?`, []any{at}
}

// inOrder is an order of sessions by such a column: "" or " DESC".
func (d *dialect) inOrder(column, direction string) string {
	if d.narrow {
		return fmt.Sprintf(`%[1]s >> %[2]d%[3]s, %[1]s%[3]s`, column, minutes, direction)
	}
	return column + direction
}

// sessionRow is a session's columns as scanSession wants them. Asked for by their
// names alone, uuids would come as text.
func (d *dialect) sessionRow() string {
	if d.narrow {
		return narrowRow
	}
	return sessionColumns
}

var narrowRow = strings.NewReplacer("id, user_id,", "uuid_send(id), uuid_send(user_id),", "request_key", "uuid_send(request_key)").Replace(sessionColumns)
