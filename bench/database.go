package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/account"
)

// kind is a store that can be measured.
type kind struct {
	name   string
	server string // the variable in the environment that says where its server is; "": it needs none
	open   func(ctx context.Context, folder string) (*database, error)
	few    func() int // how many sessions are enough for it, 0: as many as there are; nil: 0
}

// counts is how many sessions it is measured with, of what was asked for.
func (k kind) counts(asked []int, clients int) []int {
	if k.few == nil || k.few() == 0 {
		return asked
	}
	return []int{max(clients, min(k.few(), slices.Min(asked)))}
}

func (k kind) missing() string {
	if k.server == "" || os.Getenv(k.server) != "" {
		return ""
	}
	return k.server + " does not say where a server is; 'scripts/servers.sh go run ./bench stores' starts private ones"
}

const (
	postgresURL = "WATCHWORD_TEST_POSTGRES_URL"
	mysqlURL    = "WATCHWORD_TEST_MYSQL_URL"
	redisURL    = "WATCHWORD_TEST_REDIS_URL"
)

var kinds = []kind{
	{name: "sqlite", open: openSQLite},
	{name: "postgres", server: postgresURL, open: openPostgres},
	{name: "mysql", server: mysqlURL, open: openMySQL},
	{name: "redis", server: redisURL, open: openRedis},
	{name: "mongodb", open: openMongoDB, few: fewOnStandIn},
}

// database is one that is made for a measurement, and dropped after it.
type database struct {
	folder      string // of the server's data
	about       string // what to know of it before its figures
	relaxedOnly bool   // rotations cannot be durable before they are answered
	firstIsDear bool   // a session's first rotation costs a durable write that the others do not
	environment map[string]string
	naive       string // the driver of the naive variant; "": there is none
	address     string // its data source
	seed        func(ctx context.Context, s seeds) error
	users       func(ctx context.Context) ([]account.ID, error)
	counters    func(ctx context.Context, metrics string) (counters, error)
	size        func(ctx context.Context) (table, index float64, err error) // bytes; 0: not known
	note        func(ctx context.Context) string                            // what else to say at the end
	drop        func() error
}

// counters is what a database has done. Its log is what it writes ahead of its
// tables, in bytes, if it tells.
type counters struct{ commits, statements, log float64 }

func (c counters) since(earlier counters) counters {
	return counters{c.commits - earlier.commits, c.statements - earlier.statements, c.log - earlier.log}
}

// shared is the environment of servers on a database.
func shared(address string) map[string]string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return map[string]string{"WATCHWORD_DATABASE": address, "WATCHWORD_MASTER_SECRET": hex.EncodeToString(secret[:])}
}

func openSQLite(_ context.Context, folder string) (*database, error) {
	path := filepath.Join(folder, "watchword.db")
	return &database{
		folder: folder, environment: shared("sqlite:"),
		seed: func(_ context.Context, s seeds) error { return s.fill(path) },
		users: func(ctx context.Context) ([]account.ID, error) {
			db, err := sql.Open("sqlite", "file:"+path)
			if err != nil {
				return nil, err
			}
			defer db.Close()
			return userIDs(ctx, db, "watchword_users")
		},
		counters: func(ctx context.Context, metrics string) (counters, error) {
			// Its batches of rotations are its commits.
			of, err := batches(ctx, metrics)
			return counters{commits: of["advance"], statements: of["advance"] + of["find"] + of["step"]}, err
		},
		size: func(context.Context) (float64, float64, error) {
			info, err := os.Stat(path)
			if err != nil {
				return 0, 0, err
			}
			return float64(info.Size()), 0, nil
		},
		drop: func() error { return os.RemoveAll(folder) },
	}, nil
}

// batches is how many round trips a server made for batches, by verb.
func batches(ctx context.Context, metrics string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	counts := map[string]float64{}
	lines := bufio.NewScanner(io.LimitReader(answer.Body, 4<<20))
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "watchword_store_batch_size_count{")
		if !ok {
			continue
		}
		_, text, _ = strings.Cut(text, `verb="`)
		verb, value, _ := strings.Cut(text, `"} `)
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, err
		}
		counts[verb] += n
	}
	return counts, lines.Err()
}

// own is the name of a database of this run alone.
func own() string { return "watchword_bench_" + strings.ToLower(rand.Text()) }

func openPostgres(ctx context.Context, folder string) (*database, error) {
	schema := own()
	u, err := url.Parse(os.Getenv(postgresURL))
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL", postgresURL)
	}
	admin, err := sql.Open("pgx", u.String())
	if err != nil {
		return nil, err
	}
	if _, err := admin.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return &database{
		folder: folder, environment: shared(u.String()), naive: "pgx", address: u.String(),
		seed:  func(ctx context.Context, s seeds) error { return multiply(ctx, admin, schema, s) },
		users: func(ctx context.Context) ([]account.ID, error) { return userIDs(ctx, admin, schema+".watchword_users") },
		counters: func(ctx context.Context, _ string) (c counters, err error) {
			time.Sleep(11 * time.Second) // until idle connections have told what they did
			// Every statement is a transaction; those that write take a number.
			err = admin.QueryRowContext(ctx, `SELECT xact_commit, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
				FROM pg_stat_database WHERE datname = current_database()`).Scan(&c.statements, &c.commits, &c.log)
			return c, err
		},
		size: func(ctx context.Context) (table, index float64, err error) {
			err = admin.QueryRowContext(ctx, `SELECT pg_table_size($1::regclass), pg_indexes_size($1::regclass)`, schema+".watchword_sessions").Scan(&table, &index)
			return table, index, err
		},
		note: func(ctx context.Context) string {
			var updates, hot float64
			if admin.QueryRowContext(ctx, `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'watchword_sessions'`, schema).Scan(&updates, &hot) != nil || updates == 0 {
				return ""
			}
			return fmt.Sprintf("%-44s %6.1f %%", "of the updates HOT", 100*hot/updates)
		},
		drop: func() error {
			defer admin.Close()
			_, err := admin.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE")
			return err
		},
	}, nil
}

// multiply makes all sessions of the first one, which a user began, within
// PostgreSQL: but for the id they are copies of it.
func multiply(ctx context.Context, db *sql.DB, schema string, s seeds) error {
	table := schema + ".watchword_sessions"
	columns, err := texts(ctx, db, `SELECT column_name FROM information_schema.columns
		WHERE table_schema = $1 AND table_name = 'watchword_sessions' AND column_name NOT IN ('id', 'created_at')`, schema)
	if err != nil {
		return err
	}
	names := strings.Join(columns, ", ")
	_, err = db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %[1]s (id, created_at, %[2]s)
		SELECT encode(substr(sha256('\x%[3]x'::bytea || substr(sha256(int8send($2 + n)), 1, 16)), 1, 16), 'hex')::%[4]s, created_at - n, %[2]s
		FROM %[1]s, generate_series(0::bigint, $1) n`, table, names, "watchword/session/1", idType(ctx, db, schema)), s.count-1, int64(s.from))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM ANALYZE "+table)
	return err
}

// idType is the type of ids that hexadecimal digits are cast to.
func idType(ctx context.Context, db *sql.DB, schema string) string {
	kinds, err := texts(ctx, db, `SELECT data_type FROM information_schema.columns WHERE table_schema = $1 AND table_name = 'watchword_sessions' AND column_name = 'id'`, schema)
	if err != nil || len(kinds) != 1 {
		return "uuid"
	}
	return kinds[0]
}

// texts is a column of texts.
func texts(ctx context.Context, db *sql.DB, query string, args ...any) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

func openMySQL(ctx context.Context, folder string) (*database, error) {
	name := own()
	config, err := mysql.ParseDSN(os.Getenv(mysqlURL))
	if err != nil {
		return nil, fmt.Errorf("%s is not an address as the driver writes it", mysqlURL)
	}
	admin, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return nil, err
	}
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	config.DBName = name
	config.InterpolateParams = true // as Watchword sets it
	u := url.URL{Scheme: "mysql", User: url.UserPassword(config.User, config.Passwd), Host: config.Addr, Path: "/" + name}
	return &database{
		folder: folder, environment: shared(u.String()), naive: "mysql", address: config.FormatDSN(),
		seed: func(ctx context.Context, s seeds) error { return multiplyMySQL(ctx, admin, name, s) },
		counters: func(ctx context.Context, _ string) (c counters, err error) {
			// A transaction that rotates, of one session or of many, has one UPDATE.
			err = admin.QueryRowContext(ctx, `SELECT max(if(variable_name = 'QUESTIONS', variable_value + 0, 0)), sum(if(variable_name IN ('COM_UPDATE', 'COM_UPDATE_MULTI'), variable_value + 0, 0)),
				max(if(variable_name = 'INNODB_OS_LOG_WRITTEN', variable_value + 0, 0)) FROM information_schema.global_status`).Scan(&c.statements, &c.commits, &c.log)
			return c, err
		},
		size: func(ctx context.Context) (table, index float64, err error) {
			if _, err := admin.ExecContext(ctx, "ANALYZE TABLE "+name+".watchword_sessions"); err != nil {
				return 0, 0, err
			}
			err = admin.QueryRowContext(ctx, `SELECT data_length, index_length FROM information_schema.tables WHERE table_schema = ? AND table_name = 'watchword_sessions'`, name).Scan(&table, &index)
			return table, index, err
		},
		drop: func() error {
			defer admin.Close()
			_, err := admin.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name)
			return err
		},
	}, nil
}

// multiplyMySQL does so within MariaDB, which has sequences of numbers.
func multiplyMySQL(ctx context.Context, db *sql.DB, name string, s seeds) error {
	columns, err := texts(ctx, db, `SELECT column_name FROM information_schema.columns
		WHERE table_schema = ? AND table_name = 'watchword_sessions' AND column_name NOT IN ('id', 'created_at')`, name)
	if err != nil {
		return err
	}
	const chunk = 10_000
	names := strings.Join(columns, ", ")
	for start := 0; start < s.count; start += chunk {
		_, err := db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %[1]s.watchword_sessions (id, created_at, %[2]s)
			SELECT left(unhex(sha2(concat('watchword/session/1', left(unhex(sha2(unhex(lpad(hex(seq + %[5]d), 16, '0')), 256)), 16)), 256)), 16), created_at - seq - 1, %[2]s
			FROM (SELECT * FROM %[1]s.watchword_sessions ORDER BY created_at DESC LIMIT 1) first, %[1]s.seq_%[3]d_to_%[4]d`,
			name, names, start, min(start+chunk, s.count)-1, s.from))
		if err != nil {
			return err
		}
	}
	return nil
}

func userIDs(ctx context.Context, db *sql.DB, table string) (ids []account.ID, err error) {
	rows, err := db.QueryContext(ctx, "SELECT id FROM "+table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		ids = append(ids, account.ID(raw))
	}
	if len(ids) == 0 && rows.Err() == nil {
		return nil, fmt.Errorf("no users to begin sessions for in %s", table)
	}
	return ids, rows.Err()
}
