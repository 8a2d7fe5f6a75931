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
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// naive serves Watchword with sessions that are rotated as one would without much
// thought: a statement for each, on a pool of connections, committed as the
// database does by default. Everything else is the same.
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
	quiet := slog.New(slog.DiscardHandler)
	whole, err := open(ctx, source, sqlstore.Options{Logger: quiet})
	if err != nil {
		return err
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	set := whole.Set()
	set.Sessions = simple{set.Sessions, db, driver}
	policy := session.DefaultPolicy()
	policy.MinAge = minAge
	server, err := watchword.New(ctx, watchword.Config{
		Store: set, MasterSecrets: []string{os.Getenv("WATCHWORD_MASTER_SECRET")}, RefreshTokenSecret: tokenSecret,
		Policy: policy, PagesOff: true, Logger: quiet,
	})
	if err != nil {
		return err
	}
	return (&http.Server{Addr: listen, Handler: server}).ListenAndServe()
}

// simple rotates sessions one by one.
type simple struct {
	session.Store
	db     *sql.DB
	driver string
}

// query writes the placeholders as the driver wants them.
func (s simple) query(text string) string {
	if s.driver != "pgx" {
		return text
	}
	for n := 1; strings.Contains(text, "?"); n++ {
		text = strings.Replace(text, "?", "$"+strconv.Itoa(n), 1)
	}
	return text
}

// Advance implements session.Store.
func (s simple) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	result, err := s.db.ExecContext(ctx, s.query(`UPDATE watchword_sessions SET generation = ?, rotated_at = ?, emitted_at = ?, request_key = ?, idle_until = ?
		WHERE id = ? AND generation = ? AND revoked_at IS NULL`),
		int64(next.Generation), next.RotatedAt.UnixMicro(), next.EmittedAt.UnixMicro(), next.RequestKey[:], next.IdleUntil.UnixMicro(), id[:], int64(from))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

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
