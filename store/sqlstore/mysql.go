package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/watchwordauth/watchword/session"
)

// mysql is MySQL and MariaDB, by the driver github.com/go-sql-driver/mysql.
var mysql = dialect{
	name:       "mysql",
	forUpdate:  ` FOR UPDATE`,
	skipLocked: ` SKIP LOCKED`,
	byKey:      ` FORCE INDEX (PRIMARY)`,
	unlessID:   `ON DUPLICATE KEY UPDATE id = id`,
	contains:   `LOCATE(?, roles) > 0`,
	touch:      `UPDATE watchword_versions SET name = name WHERE version = 1`,
	versions:   `CREATE TABLE IF NOT EXISTS watchword_versions (version BIGINT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL) ENGINE = InnoDB`,
	versioned:  `SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'watchword_versions'`,
	// A statement that makes a table ends the transaction, but not this lock.
	lock:   `SELECT GET_LOCK(CONCAT('watchword ', DATABASE()), 60)`,
	unlock: `SELECT RELEASE_LOCK(CONCAT('watchword ', DATABASE()))`,
	text:   func(s string) any { return []byte(s) },
	among: func(ids [][16]byte) (string, []any) {
		args := make([]any, len(ids))
		for i := range ids {
			args[i] = ids[i][:]
		}
		return `id IN (?` + strings.Repeat(`, ?`, len(ids)-1) + `)`, args
	},
	duplicate: func(err error) bool { return mysqlNumber(err) == 1062 },
	again: func(err error) bool {
		switch mysqlNumber(err) {
		case 1205, 1213: // lock wait timeout, deadlock
			return true
		}
		return false
	},
	unavailable: func(err error) bool {
		switch mysqlNumber(err) {
		case 0:
			return unreachable(err) || strings.Contains(err.Error(), "invalid connection")
		case 1021, 1114, // disk full, table full
			1040, 1203, // too many connections
			1053, 1077, 1079, // the server shuts down
			1290, 1792, 1836, // the server, or the transaction, only reads
			3168, 1047: // the cluster's node is not ready
			return true
		}
		return false
	},
	advice: func(err error) string {
		switch mysqlNumber(err) {
		case 1021, 1114:
			return "the disk is full: free some space"
		case 1040, 1203:
			return "the server has no connection left: raise max_connections"
		case 1290, 1792, 1836:
			return "this server only reads: name the primary"
		}
		return ""
	},
	advance: advanceMySQL,
}

// mysqlNumber is the server's number of an error, 0 if it is not the server's.
// The driver's error type is not imported: its field is found by name.
func mysqlNumber(err error) uint16 {
	if value := reflect.Indirect(reflect.ValueOf(err)); value.Kind() == reflect.Struct {
		if number := value.FieldByName("Number"); number.IsValid() && number.Kind() == reflect.Uint16 {
			return uint16(number.Uint())
		}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return mysqlNumber(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range wrapper.Unwrap() {
			if number := mysqlNumber(one); number != 0 {
				return number
			}
		}
	}
	return 0
}

// unknownToMySQL reports whether a server does not understand a statement, or not yet.
func unknownToMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1064, 1235: // syntax error, not supported
		return true
	}
	return false
}

// ErrFoundRows is returned for an address with clientFoundRows=true: the server
// would count rows that a statement found, not those that it changed, and every
// loser of a rotation would be told that it won.
var ErrFoundRows = errors.New("clientFoundRows=true makes a lost rotation look won")

// OpenMySQL opens a MySQL or MariaDB database, named as its driver does
// (user:password@tcp(host:3306)/database), and brings its tables up to date. Any
// number of nodes may share one.
//
// How durable commits are is the server's setting innodb_flush_log_at_trx_commit
// for all of them, rotations too. It should be 1; other values are logged.
//
// The program must import the driver "github.com/go-sql-driver/mysql".
func OpenMySQL(ctx context.Context, address string, o Options) (*DB, error) {
	const name = "MySQL"
	open := func(settings ...string) (*pool, error) {
		address, err := withSettings(address, settings...)
		if err != nil {
			return nil, hint(name, err, "remove it from the address")
		}
		raw, err := sql.Open("mysql", address)
		if err != nil {
			return nil, hint(name, err, `write the address as user:password@tcp(host:3306)/database, and import _ "github.com/go-sql-driver/mysql"`)
		}
		return newPool(raw, remoteConnections), nil
	}
	// The two servers call one setting by two names.
	probe, err := open()
	if err != nil {
		return nil, err
	}
	var version string
	err = probe.QueryRowContext(ctx, `SELECT VERSION()`).Scan(&version)
	dialect := mysql
	if err == nil {
		if _, err = probe.ExecContext(ctx, `SELECT 1 FOR UPDATE`+mysql.skipLocked); unknownToMySQL(err) {
			dialect.skipLocked, err = "", nil
		}
	}
	probe.Close()
	if err != nil {
		unknown := DB{dialect: &mysql, name: name, closed: new(atomic.Bool)}
		return nil, unknown.fault(ctx, err)
	}
	isolation := "transaction_isolation"
	if strings.Contains(version, "MariaDB") {
		isolation = "tx_isolation"
	}
	p, err := open(
		isolation+"=%27READ-COMMITTED%27",  // no locks on gaps, over which strangers meet
		"sql_mode=%27STRICT_ALL_TABLES%27", // what does not fit is an error, never cut
	)
	if err != nil {
		return nil, err
	}
	db, err := openRemote(ctx, &dialect, name, p, p, p, o)
	if err != nil {
		return nil, err
	}
	if dialect.skipLocked == "" {
		db.logger.Warn("a session's row that another program keeps locked holds up others: update the database server", "version", version, "want", "MariaDB 10.6 or MySQL 8.0")
	}
	flush, err := all(ctx, db, p, scanned[int], `SELECT @@innodb_flush_log_at_trx_commit`)
	if err != nil {
		db.Close()
		return nil, db.fault(ctx, err)
	}
	if flush[0] != 1 {
		db.logger.Warn("a crash of the database server may lose revocations that were acknowledged", "innodb_flush_log_at_trx_commit", flush[0], "want", 1)
	}
	return db, nil
}

// withSettings adds settings to an address, in the place of those of the same name.
func withSettings(address string, settings ...string) (string, error) {
	settings = append(settings, "interpolateParams=true") // one round trip for each statement, not two
	name := func(setting string) string {
		key, _, _ := strings.Cut(setting, "=")
		return key
	}
	database := strings.LastIndexByte(address, '/') // a password may hold a question mark
	base, query, _ := strings.Cut(address[database+1:], "?")
	for setting := range strings.SplitSeq(query, "&") {
		if name(setting) == "clientFoundRows" && setting != "clientFoundRows=false" {
			return "", ErrFoundRows
		}
		if setting != "" && !slices.ContainsFunc(settings, func(ours string) bool { return name(ours) == name(setting) }) {
			settings = append(settings, setting)
		}
	}
	return address[:database+1] + base + "?" + strings.Join(settings, "&"), nil
}

// advanceMySQL writes rotations in one transaction: it locks the rows that it can have at
// once, sees which of them are at the generation they should be, and changes those.
func advanceMySQL(ctx context.Context, db *DB, on *pool, rotations []rotation) ([]advanced, error) {
	return settle(rotations, func(round []rotation) (map[session.ID]advanced, error) {
		var outcomes map[session.ID]advanced
		err := db.attempt(ctx, func() error {
			return transact(ctx, on, func(tx *sql.Tx) error {
				live, args := db.dialect.live(round)
				states, err := all(ctx, db, tx, scanState, live+` ORDER BY id FOR UPDATE`+db.dialect.skipLocked, args...)
				if err != nil {
					return err
				}
				generations := make(map[session.ID]uint64, len(states))
				for _, s := range states {
					generations[s.session] = s.generation
				}
				outcomes = make(map[session.ID]advanced, len(states))
				var table strings.Builder
				args = args[:0]
				for _, r := range round {
					generation, there := generations[r.session]
					if !there {
						continue
					}
					outcomes[r.session] = advanced{won: generation == r.from}
					if generation != r.from {
						continue
					}
					if len(args) == 0 {
						table.WriteString(`SELECT ? AS id, ? AS generation, ? AS rotated_at, ? AS emitted_at, ? AS request_key, ? AS idle_until, ? AS ip, ? AS user_agent`)
					} else {
						table.WriteString(` UNION ALL SELECT ?, ?, ?, ?, ?, ?, ?, ?`)
					}
					args = append(args, r.session[:], int64(r.next.Generation), micros(r.next.RotatedAt), micros(r.next.EmittedAt), r.next.RequestKey[:],
						micros(r.next.IdleUntil), []byte(r.next.LastSeen.IP), []byte(r.next.LastSeen.UserAgent))
				}
				if len(args) == 0 {
					return nil
				}
				// In this order, and by the key: a server that reads all sessions instead, because
				// there are few, waits for each row that somebody holds.
				_, err = tx.ExecContext(ctx, `UPDATE (`+table.String()+`) AS b STRAIGHT_JOIN watchword_sessions AS s FORCE INDEX (PRIMARY) ON s.id = b.id
					SET s.generation = b.generation, s.rotated_at = b.rotated_at, s.emitted_at = b.emitted_at, s.request_key = b.request_key, s.idle_until = b.idle_until,
						s.seen_ip = nullif(b.ip, s.birth_ip), s.seen_user_agent = nullif(b.user_agent, s.birth_user_agent)`, args...)
				return err
			})
		})
		if err != nil {
			return nil, fmt.Errorf("advance: %w", err)
		}
		db.findHeld(ctx, on, round, outcomes)
		return outcomes, nil
	})
}
