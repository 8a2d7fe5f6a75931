package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/watchwordauth/watchword/journal"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/memory"
)

// A session that is ended in the stores that Keep returns is in the journal before
// Revoke returns.
func ExampleJournal_Keep() {
	folder, err := os.MkdirTemp("", "journal") // on another disk than the database's, really
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	j, err := journal.Open(folder, journal.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	defer j.Close()

	ctx := context.Background()
	set := j.Keep(memory.New())
	id := session.ID{1, 2, 3}
	if err := set.Sessions.Begin(ctx, session.Session{ID: id, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
		panic(err)
	}
	if _, err := set.Sessions.Revoke(ctx, id, session.Tombstone{At: time.Now(), Reason: session.SignedOut}); err != nil {
		panic(err)
	}

	contents, err := journal.Read(folder)
	if err != nil {
		panic(err)
	}
	for _, r := range contents.Records {
		fmt.Println(r.Kind, r.Session, r.Reason)
	}
	// Output: session 01020300000000000000000000000000 signed_out
}
