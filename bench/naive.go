package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// naive serves Watchword with sessions that are looked for and rotated as one would
// without much thought: a statement for each session, each user and each rotation, on
// a pool of connections, committed as the database does by default. Everything else,
// signing and HTTP and the log, is the same.
func naive(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("naive DRIVER LISTEN MIN-TOKEN-AGE, and the data source in WATCHWORD_BENCH_SOURCE")
	}
	driver, listen := args[0], args[1]
	minAge, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	source := os.Getenv("WATCHWORD_BENCH_SOURCE")
	open := map[string]func(context.Context, string, sqlstore.Options) (*sqlstore.DB, error){
		"pgx": sqlstore.OpenPostgres, "mysql": sqlstore.OpenMySQL,
	}[driver]
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	whole, err := open(ctx, source, sqlstore.Options{Logger: log})
	if err != nil {
		return err
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	one := simple{db, driver}
	set := whole.Set()
	set.Sessions, set.Users = simpleSessions{set.Sessions, one}, simpleUsers{set.Users, one}
	policy := session.DefaultPolicy()
	policy.MinAge = minAge
	server, err := watchword.New(ctx, watchword.Config{
		Store: set, MasterSecrets: []string{os.Getenv("WATCHWORD_MASTER_SECRET")}, RefreshTokenSecret: tokenSecret,
		Policy: policy, PagesOff: true, Logger: log,
	})
	if err != nil {
		return err
	}
	return (&http.Server{Addr: listen, Handler: server}).ListenAndServe()
}

// simple executes one statement after the other.
type simple struct {
	db     *sql.DB
	driver string
}

// query writes the placeholders as the driver wants them, and ids so that they come
// as bytes.
func (s simple) query(text string) string {
	if s.driver != "pgx" {
		return strings.ReplaceAll(text, "uuid_send", "")
	}
	for n := 1; strings.Contains(text, "?"); n++ {
		text = strings.Replace(text, "?", "$"+strconv.Itoa(n), 1)
	}
	return text
}

// simpleSessions does so with what a refresh needs of sessions.
type simpleSessions struct {
	session.Store
	simple
}

// Find implements session.Store. From where a session was used last is left out.
func (s simpleSessions) Find(ctx context.Context, id session.ID) (found session.Session, err error) {
	var user, key []byte
	var created, expires, rotated, idle int64
	var emitted, revoked *int64
	var reason, by *string
	err = s.db.QueryRowContext(ctx, s.query(`SELECT uuid_send(user_id), client_id, delivery, created_at, expires_at, generation, rotated_at, emitted_at, uuid_send(request_key), idle_until,
		revoked_at, revoked_reason, revoked_by FROM watchword_sessions WHERE id = ?`), id[:]).Scan(
		&user, &found.ClientID, &found.Delivery, &created, &expires, &found.Generation, &rotated, &emitted, &key, &idle, &revoked, &reason, &by)
	if errors.Is(err, sql.ErrNoRows) {
		return session.Session{}, session.ErrNotFound
	}
	if err != nil {
		return session.Session{}, err
	}
	found.ID, found.UserID, found.CreatedAt, found.ExpiresAt = id, account.ID(user), moment(created), moment(expires)
	found.RotatedAt, found.EmittedAt, found.IdleUntil = moment(rotated), moment(rotated), moment(idle)
	copy(found.RequestKey[:], key)
	if emitted != nil {
		found.EmittedAt = moment(*emitted)
	}
	if revoked != nil {
		found.Tombstone = session.Tombstone{At: moment(*revoked), Reason: session.Reason(*reason), By: *by}
	}
	return found, nil
}

// Advance implements session.Store.
func (s simpleSessions) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	result, err := s.db.ExecContext(ctx, s.query(`UPDATE watchword_sessions SET generation = ?, rotated_at = ?, emitted_at = ?, request_key = ?, idle_until = ?
		WHERE id = ? AND generation = ? AND revoked_at IS NULL`),
		int64(next.Generation), next.RotatedAt.UnixMicro(), next.EmittedAt.UnixMicro(), next.RequestKey[:], next.IdleUntil.UnixMicro(), id[:], int64(from))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// simpleUsers does so with what a refresh needs of users.
type simpleUsers struct {
	account.Store
	simple
}

// Find implements account.Store.
func (s simpleUsers) Find(ctx context.Context, id account.ID) (found account.User, err error) {
	var roles string
	var blocked *int64
	var since, created int64
	err = s.db.QueryRowContext(ctx, s.query(`SELECT username, email, roles, block_at, block_reason, block_by, epoch, epoch_at, created_at FROM watchword_users WHERE id = ?`), id[:]).Scan(
		&found.Username, &found.Email, &roles, &blocked, &found.Block.Reason, &found.Block.By, &found.Epoch, &since, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return account.User{}, account.ErrNotFound
	}
	if err != nil {
		return account.User{}, err
	}
	found.ID, found.Roles, found.EpochAt, found.CreatedAt = id, strings.Fields(roles), moment(since), moment(created)
	if blocked != nil {
		found.Block.At = moment(*blocked)
	}
	return found, nil
}

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// simple starts the naive variant.
func (b storesBench) simple(ctx context.Context, db *database, minAge string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	os.Setenv("WATCHWORD_BENCH_SOURCE", db.address)
	defer os.Unsetenv("WATCHWORD_BENCH_SOURCE")
	p, err := start(ctx, address, self, "naive", db.naive, address, minAge)
	if err != nil {
		return nil, fmt.Errorf("the naive variant: %w", err)
	}
	return p, nil
}
