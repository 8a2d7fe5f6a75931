package redisstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/redisstore"
)

func ExampleOpen() {
	ctx := context.Background()
	set := memory.New() // the users' database: sqlstore.OpenPostgres, for example

	sessions, err := redisstore.Open(ctx, "redis://127.0.0.1:1?timeout=1s", redisstore.Options{})
	if errors.Is(err, redisstore.ErrUnavailable) {
		fmt.Println("nobody is there")
		return
	}
	defer sessions.Close()
	set.Sessions = ledger.Keep(sessions, set.Sessions, ledger.Options{})
	// watchword.New(ctx, watchword.Config{Store: set, …})

	// Output: nobody is there
}
