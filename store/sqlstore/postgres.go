package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/watchwordauth/watchword/session"
)

// postgres is PostgreSQL, and what speaks its language, by the driver
// github.com/jackc/pgx/v5/stdlib.
var postgres = dialect{
	name:      "postgres",
	numbered:  true,
	narrow:    true,
	forUpdate: ` FOR UPDATE`,
	unlessID:  `ON CONFLICT (id) DO NOTHING`,
	contains:  `position(? in roles) > 0`,
	confirm:   `SELECT version FROM watchword_versions WHERE version = 1 FOR KEY SHARE`,
	touch:     `UPDATE watchword_versions SET name = name WHERE version = 1`,
	versions:  `CREATE TABLE IF NOT EXISTS watchword_versions (version bigint NOT NULL PRIMARY KEY, name text NOT NULL)`,
	versioned: `SELECT count(to_regclass('watchword_versions'))`,
	lock:      `SELECT pg_advisory_xact_lock(8601743501978247523)`, // held until the transaction ends
	text:      func(s string) any { return []byte(s) },
	among: func(ids [][16]byte) (string, []any) {
		list := make([][]byte, len(ids))
		for i := range ids {
			list[i] = ids[i][:]
		}
		return `id = ANY(?)`, []any{list}
	},
	duplicate: func(err error) bool { return postgresCode(err) == "23505" },
	again: func(err error) bool {
		switch postgresCode(err) {
		case "40001", "40P01": // serialization_failure, deadlock_detected
			return true
		}
		return false
	},
	unavailable: func(err error) bool {
		code := postgresCode(err)
		if code == "" {
			return unreachable(err) || severed(err)
		}
		switch code {
		case "25006", "55P03": // read_only_sql_transaction: a replica; lock_not_available
			return true
		}
		switch code[:2] {
		case "08", "53", "57", "58": // connection, resources, operator, system
			return true
		}
		return false
	},
	advice: func(err error) string {
		switch postgresCode(err) {
		case "25006":
			return "this server only reads: name the primary"
		case "53100":
			return "the disk is full: free some space"
		case "53300":
			return "the server has no connection left: raise max_connections"
		}
		return ""
	},
	advance: advancePostgres,
}

// postgresCode is the SQLSTATE of an error, "" if it is not the server's.
func postgresCode(err error) string {
	coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok || len(coded.SQLState()) != 5 {
		return ""
	}
	return coded.SQLState()
}

// severed reports whether an error of the driver, by its words, is of a connection
// that it has closed, or of servers of which none takes writes.
func severed(err error) bool {
	text := err.Error()
	return strings.Contains(text, "conn closed") || strings.Contains(text, "failed to connect to ")
}

// OpenPostgres opens a PostgreSQL database, named as libpq does (a URL, or
// key=value), and brings its tables up to date. They are in the first schema of
// the search path. Any number of nodes may share one.
//
// Durable means what synchronous_commit says in the address; "on" if it says
// nothing. Rotations are written with synchronous_commit = off: they reach the
// disk within three times wal_writer_delay, 0.6 s as a rule.
//
// Of several hosts in the address the first that answers serves, or that takes writes,
// with target_session_attrs=read-write: after a failover that is the new primary.
//
// The program must import the driver "github.com/jackc/pgx/v5/stdlib".
func OpenPostgres(ctx context.Context, address string, o Options) (*DB, error) {
	const name = "PostgreSQL"
	open := func(address string, connections int) (*pool, error) {
		raw, err := sql.Open("pgx", address)
		if err != nil {
			return nil, hint(name, err, `import _ "github.com/jackc/pgx/v5/stdlib"`)
		}
		return newPool(raw, connections), nil
	}
	if os.Getenv("PGCONNECT_TIMEOUT") == "" {
		address = withSetting(address, "connect_timeout", connectWithin, false)
	}
	durable, err := open(withCommit(address, "on", false), remoteConnections-remoteReaders)
	if err != nil {
		return nil, err
	}
	reading, err := open(address, remoteReaders)
	if err != nil {
		return nil, err
	}
	rotating := address
	if !o.DurableRotations {
		rotating = withCommit(address, "off", true)
	}
	relaxed, err := open(rotating, remoteShards)
	if err != nil {
		return nil, err
	}
	return openRemote(ctx, &postgres, name, reading, durable, relaxed, o)
}

// connectWithin is how many seconds a server may take to be connected to, unless the
// address says so. Of several the first may be a machine that is gone: the next must
// have its turn before whoever asks runs out of time, which is 3 s for /readyz.
const connectWithin = "2"

// withCommit sets synchronous_commit in an address; unless override, only if it
// is not set.
func withCommit(address, value string, override bool) string {
	return withSetting(address, "synchronous_commit", value, override)
}

// withSetting does so with any setting.
func withSetting(address, setting, value string, override bool) string {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		if override {
			return address + " " + setting + "=" + value // the last one counts
		}
		return setting + "=" + value + " " + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return address // the driver says what is wrong with it
	}
	q := u.Query()
	if override || !q.Has(setting) {
		q.Set(setting, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// A batch of rotations is written by one statement, one round trip, one commit.
//
// The server plans it anew each time, as it does the look before, because it sees how few
// sessions an array holds. That is 0.1 ms for each statement, which all of a batch share. To
// have the plan kept, with (SELECT ?) around each array, was tried: a plan that was made while
// the table was empty then reads all of a table that has grown since, 60 ms for 200,000 rows,
// until somebody analyzes it.
const (
	rotatePostgres = `
		UPDATE watchword_sessions AS s
		SET generation = b.generation, rotated_at = b.rotated_at, emitted_at = nullif(b.emitted_at, b.rotated_at), request_key = b.request_key, idle_until = b.idle_until,
			seen_ip = nullif(b.ip, s.birth_ip), seen_user_agent = nullif(b.user_agent, s.birth_user_agent)
		FROM %s
		WHERE s.id = b.id AND s.generation = b.was AND s.revoked_at IS NULL`
	rotationsPostgres = `unnest(?::uuid[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::uuid[], ?::bigint[], ?::bytea[], ?::bytea[])
		AS b (id, was, generation, rotated_at, emitted_at, request_key, idle_until, ip, user_agent)`
	winnersPostgres = ` RETURNING uuid_send(s.id)`
)

var (
	// rotateAllPostgres fails if a row is held for longer than a sign-out takes, as a rule.
	// The setting is made before the first row is looked at, and ends with the statement:
	// in the address it would be one more that a pooler must allow.
	rotateAllPostgres = fmt.Sprintf(rotatePostgres, rotationsPostgres) + ` AND (SELECT set_config('lock_timeout', '20ms', true)) IS NOT NULL` + winnersPostgres
	// rotateFreePostgres leaves out the rows that are held. Always to lock all before
	// changing them would cost a third more.
	rotateFreePostgres = `WITH free AS (
		SELECT b.* FROM watchword_sessions AS s JOIN ` + rotationsPostgres + ` ON s.id = b.id FOR NO KEY UPDATE OF s SKIP LOCKED
	)` + fmt.Sprintf(rotatePostgres, `free AS b`) + winnersPostgres
)

func advancePostgres(ctx context.Context, db *DB, on *pool, rotations []rotation) ([]advanced, error) {
	return settle(rotations, func(round []rotation) (map[session.ID]advanced, error) {
		n := len(round)
		ids, keys, ips, agents := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
		from, generation := make([]int64, n), make([]int64, n)
		rotated, emitted, idle := make([]int64, n), make([]int64, n), make([]int64, n)
		for i := range round {
			next := &round[i].next
			ids[i], keys[i] = round[i].session[:], next.RequestKey[:]
			ips[i], agents[i] = shortIP(next.LastSeen.IP), shortAgent(next.LastSeen.UserAgent)
			from[i], generation[i] = int64(round[i].from), int64(next.Generation)
			rotated[i], emitted[i], idle[i] = micros(next.RotatedAt), micros(next.EmittedAt), micros(next.IdleUntil)
		}
		write := func(statement string) (map[session.ID]advanced, error) {
			var winners []id
			err := db.attempt(ctx, func() (err error) {
				winners, err = all(ctx, db, on, scanned[id], statement, ids, from, generation, rotated, emitted, keys, idle, ips, agents)
				return err
			})
			if err != nil {
				return nil, err
			}
			outcomes := make(map[session.ID]advanced, n)
			for _, winner := range winners {
				outcomes[session.ID(winner)] = advanced{won: true}
			}
			return outcomes, nil
		}
		var outcomes map[session.ID]advanced
		var err error
		wary := db.wary.now()
		if !wary {
			outcomes, err = write(rotateAllPostgres)
			wary = postgresCode(err) == "55P03" // lock_not_available: nothing of it happened
		}
		if wary {
			if outcomes, err = write(rotateFreePostgres); err == nil {
				db.wary.note(db.findHeld(ctx, on, round, outcomes))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("advance: %w", err)
		}
		return outcomes, nil
	})
}
