package lint

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/sqlstore"
	"github.com/watchwordauth/watchword/store/storetest"
)

// TestSessionsInPartitionsKeepTheContract runs the suite of the stores on a table
// that was split by deploy/postgres/partition.sql.
func TestSessionsInPartitionsKeepTheContract(t *testing.T) {
	t.Parallel()
	address := postgres(t)
	script, err := os.ReadFile("../postgres/partition.sql")
	if err != nil {
		t.Fatal(err)
	}
	one := make(chan struct{}, 2) // more at once would run out of locks
	storetest.Sessions(t, func(t testing.TB) session.Store {
		one <- struct{}{}
		t.Cleanup(func() { <-one })
		return partitioned(t, address, string(script))
	})
}

// postgres is the address of a PostgreSQL, whose superuser it names.
func postgres(t *testing.T) string {
	t.Helper()
	return servertest.Address(t, "postgres", "WATCHWORD_TEST_POSTGRES_URL")
}

// partitioned is the sessions of a database of their own.
func partitioned(t testing.TB, address, script string) session.Store {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	address = servertest.EmptyPostgres(t, address)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // the script is many statements
	raw := stdlib.OpenDB(*config)
	t.Cleanup(func() { raw.Close() })
	execute := func(text string) {
		t.Helper()
		if _, err := raw.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	migrated, err := sqlstore.OpenPostgres(ctx, address, sqlstore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := migrated.Close(); err != nil {
		t.Fatal(err)
	}
	begin, rest, _ := strings.Cut(script, "COMMIT;") // a statement list is one transaction by itself
	execute(begin + "COMMIT")
	execute(rest)
	var partitions int
	if err := raw.QueryRowContext(ctx, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'watchword_sessions'::regclass").Scan(&partitions); err != nil || partitions != 16 {
		t.Fatalf("there are %d partitions (%v)", partitions, err)
	}
	db, err := sqlstore.OpenPostgres(ctx, address, sqlstore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Set().Sessions
}
