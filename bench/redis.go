package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/store/redisstore"
)

// openRedis has the sessions in Redis and the rest, the durable births of sessions
// too, in PostgreSQL, or where there is none in SQLite.
func openRedis(ctx context.Context, folder string) (*database, error) {
	open := openSQLite
	if os.Getenv(postgresURL) != "" {
		open = openPostgres
	}
	db, err := open(ctx, folder)
	if err != nil {
		return nil, err
	}
	address := os.Getenv(redisURL)
	sessions, err := redisstore.Open(ctx, address, redisstore.Options{})
	if err != nil {
		return nil, err
	}
	db.environment["WATCHWORD_SESSIONS"] = address
	db.relaxedOnly, db.firstIsDear, db.naive = true, true, ""
	fill := db.seed
	db.seed = func(ctx context.Context, s seeds) error {
		if err := fill(ctx, s); err != nil {
			return err
		}
		users, err := db.users(ctx)
		if err != nil {
			return err
		}
		return pour(ctx, sessions, s, users)
	}
	info, err := inform(address)
	if err != nil {
		return nil, err
	}
	// What the database beside it does for a refresh is counted with it: a look, and now
	// and then a write.
	beside := db.counters
	db.counters = func(ctx context.Context, metrics string) (counters, error) {
		c, err := beside(ctx, metrics)
		if err != nil {
			return counters{}, err
		}
		commands, err := info.number(ctx, "stats", "total_commands_processed")
		c.statements += commands
		return c, err
	}
	before, err := info.number(ctx, "memory", "used_memory")
	if err != nil {
		return nil, err
	}
	entries := db.size
	db.size = func(ctx context.Context) (table, index float64, err error) {
		after, err := info.number(ctx, "memory", "used_memory")
		return after - before, 0, err
	}
	db.note = func(ctx context.Context) string {
		table, index, err := entries(ctx)
		if err != nil || table == 0 {
			return ""
		}
		return fmt.Sprintf("%-44s %6.1f MB, and %.1f of indexes", "all entries in the database", table/1e6, index/1e6)
	}
	drop := db.drop
	db.drop = func() error {
		sessions.Close()
		info.client.Close()
		return drop()
	}
	return db, nil
}

// information is what a Redis tells of itself.
type information struct{ client rueidis.Client }

func inform(address string) (information, error) {
	options, err := rueidis.ParseURL(address)
	if err != nil {
		return information{}, fmt.Errorf("%s is not an address of Redis", redisURL)
	}
	options.DisableCache = true
	client, err := rueidis.NewClient(options)
	return information{client}, err
}

// number is one of its numbers.
func (i information) number(ctx context.Context, section, name string) (float64, error) {
	text, err := i.client.Do(ctx, i.client.B().Info().Section(section).Build()).ToString()
	if err != nil {
		return 0, err
	}
	_, text, found := strings.Cut(text, "\r\n"+name+":")
	text, _, _ = strings.Cut(text, "\r\n")
	n, err := strconv.ParseFloat(text, 64)
	if !found || err != nil {
		return 0, fmt.Errorf("its %s is not told by Redis", name)
	}
	return n, nil
}

// pour puts the sessions into a store through its own door, many at once.
func pour(ctx context.Context, sessions *redisstore.Store, s seeds, users []account.ID) error {
	var workers sync.WaitGroup
	failed := make(chan error, 1)
	const many = 256
	for w := range many {
		workers.Go(func() {
			for n := w; n < s.count; n += many {
				if err := sessions.Begin(ctx, s.whole(n, users[n%len(users)])); err != nil {
					select {
					case failed <- err:
					default:
					}
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
