package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/ledger"
	"github.com/watchwordauth/watchword/store/memory"
)

func ExampleKeep() {
	ctx := context.Background()
	redis, database := memory.New().Sessions, memory.New() // redisstore.Open, sqlstore.OpenPostgres
	set := database
	set.Sessions = ledger.Keep(redis, database.Sessions, ledger.Options{})

	now := time.Now()
	s := session.Session{ID: session.ID{1}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	s.Generation, s.EmittedAt, s.IdleUntil = 1, now, now.Add(time.Hour)
	if err := set.Sessions.Begin(ctx, s); err != nil {
		fmt.Println(err)
	}
	did, err := set.Sessions.Revoke(ctx, s.ID, session.Tombstone{At: now, Reason: session.SignedOut})
	fmt.Println("revoked:", did, err)
	// Output: revoked: true <nil>
}
