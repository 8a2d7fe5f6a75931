package sqlstore_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

// The tests in this file need other processes: this binary, started again with
// a part to play.
const partVariable = "WATCHWORD_TEST_PART"

func TestMain(m *testing.M) {
	parts := map[string]func(path string, args []string) error{"write": write, "rotate": rotate, "open": openAndClose}
	if part, ok := parts[os.Getenv(partVariable)]; ok {
		if err := part(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play starts a process.
func play(t *testing.T, part, path string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], append([]string{path}, args...)...)
	command.Env = append(os.Environ(), partVariable+"="+part)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewScanner(out)
}

// birth is a session as these tests begin them.
func birth(id session.ID) session.Session {
	at := time.UnixMicro(1_790_000_000_000_000).UTC()
	return session.Session{
		ID: id, UserID: account.ID(id), Delivery: session.Body, CreatedAt: at, ExpiresAt: at.Add(time.Hour),
		Register: session.Register{Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(time.Hour)},
	}
}

func randomID() (id session.ID) {
	rand.Read(id[:])
	return id
}

// write is a part: it makes facts for ever, and tells each when the store has
// acknowledged it.
func write(path string, _ []string) error {
	db, err := sqlstore.OpenSQLite(context.Background(), path, sqlstore.Options{})
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := writeFacts(db.Set()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		})
	}
	group.Wait()
	return nil
}

func writeFacts(set store.Set) error {
	ctx := context.Background()
	tell := func(format string, args ...any) { os.Stdout.WriteString(fmt.Sprintf(format, args...) + "\n") }
	for {
		s := birth(randomID())
		if err := set.Sessions.Begin(ctx, s); err != nil {
			return err
		}
		tell("begun %s", s.ID)
		u := account.User{ID: s.UserID, UsernameKey: s.ID.String(), EmailKey: s.ID.String(), Epoch: 1, EpochAt: s.CreatedAt, CreatedAt: s.CreatedAt}
		if err := set.Users.Add(ctx, u); err != nil {
			return err
		}
		tell("added %s", u.ID)
		for i := range 4 {
			next := s.Register
			next.Generation++
			advance := func() (bool, error) { return set.Sessions.Advance(ctx, s.ID, s.Generation, next) }
			if i%2 == 0 {
				advance = func() (bool, error) {
					return set.Sessions.(session.Stepper).Step(ctx, s.ID, func(session.Session, account.User) (session.Register, bool) { return next, true })
				}
			}
			if won, err := advance(); err != nil || !won {
				return fmt.Errorf("advance: %v, %w", won, err)
			}
			s.Register = next
			tell("advanced %s %d", s.ID, next.Generation)
		}
		if did, err := set.Sessions.Revoke(ctx, s.ID, session.Tombstone{At: s.CreatedAt, Reason: session.SignedOut}); err != nil || !did {
			return fmt.Errorf("revoke: %v, %w", did, err)
		}
		tell("revoked %s", s.ID)
		if _, err := set.Users.SetBlock(ctx, u.ID, account.Block{At: s.CreatedAt}); err != nil {
			return err
		}
		tell("blocked %s", u.ID)
		if err := set.Events.Record(ctx, audit.Event{ID: uuid.UUID(s.ID), At: s.CreatedAt, Type: audit.SessionEnded, Session: s.ID.String()}); err != nil {
			return err
		}
		tell("recorded %s", s.ID)
		number := int(s.ID[0])<<16 | int(s.ID[1])<<8 | int(s.ID[2])
		switch err := set.Keys.Add(ctx, signing.Record{Number: number, ID: s.ID.String()}); {
		case err == nil:
			tell("keyed %s", s.ID)
		case !errors.Is(err, signing.ErrTaken):
			return err
		}
	}
}

// holds reports whether a fact that was told is in the store.
func holds(ctx context.Context, set store.Set, fact string) (bool, error) {
	words := strings.Fields(fact)
	switch words[0] {
	case "begun", "advanced", "revoked":
		id, err := session.ParseID(words[1])
		if err != nil {
			return false, err
		}
		s, err := set.Sessions.Find(ctx, id)
		if err != nil {
			return false, err
		}
		generation := uint64(1)
		if words[0] == "advanced" {
			if generation, err = strconv.ParseUint(words[2], 10, 64); err != nil {
				return false, err
			}
		}
		return s.Generation >= generation && (words[0] != "revoked" || s.Revoked()), nil
	case "added", "blocked":
		id, err := account.ParseID(words[1])
		if err != nil {
			return false, err
		}
		u, err := set.Users.Find(ctx, id)
		return u.Blocked() || words[0] == "added", err
	case "recorded":
		events, err := set.Events.Events(ctx, audit.Query{Session: words[1]})
		return len(events) == 1, err
	case "keyed":
		keys, err := set.Keys.Keys(ctx)
		for _, key := range keys {
			if key.ID == words[1] {
				return true, err
			}
		}
	}
	return false, fmt.Errorf("%q is no fact", fact)
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	var facts []string
	for round := range 3 {
		writer, out := play(t, "write", path)
		told := 0
		for out.Scan() {
			facts = append(facts, out.Text())
			if told++; told == 300+100*round {
				if err := writer.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			} // what was told until it died counts, too
		}
		if told < 300+100*round {
			t.Fatal("the writer ended by itself")
		}
		if err := writer.Wait(); err == nil {
			t.Fatal("the writer was not killed")
		}
	}
	db := openSQLite(t, path)
	missing := 0
	for _, fact := range facts {
		if held, err := holds(t.Context(), db.Set(), fact); !held || err != nil {
			missing++
			t.Logf("%s: %v, %v", fact, held, err)
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d facts are gone", missing, len(facts))
	}
	t.Logf("%d facts of 3 killed processes are there", len(facts))
}

func TestWhatWasWrittenIsThereAfterReopening(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	first, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := birth(randomID())
	if err := first.Set().Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	s.Generation++
	if won, err := first.Set().Sessions.Advance(t.Context(), s.ID, 1, s.Register); !won || err != nil {
		t.Fatalf("Advance = %v, %v", won, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log was left behind: %v", err)
	}
	got, err := openSQLite(t, path).Set().Sessions.Find(t.Context(), s.ID)
	if err != nil || got != s {
		t.Errorf("Find = %+v, %v; want %+v", got, err, s)
	}
}

// rotate is a part: it rotates a session as often as it is told, against all
// who do so at the same time.
func rotate(path string, args []string) error {
	id, err := session.ParseID(args[0])
	if err != nil {
		return err
	}
	times, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	db, err := sqlstore.OpenSQLite(context.Background(), path, sqlstore.Options{})
	if err != nil {
		return err
	}
	return errors.Join(rotateTimes(db.Set().Sessions, id, times), db.Close())
}

func rotateTimes(s session.Store, id session.ID, times int) error {
	for done := 0; done < times; {
		found, err := s.Find(context.Background(), id)
		if err != nil {
			return err
		}
		next := found.Register
		next.Generation++
		won, err := s.Advance(context.Background(), id, found.Generation, next)
		if err != nil {
			return err
		}
		if won {
			done++
		}
	}
	return nil
}

func TestProcessesShareOneFile(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	db := openSQLite(t, path)
	s := birth(randomID())
	if err := db.Set().Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	const processes, times = 3, 100
	var playing []*exec.Cmd
	for range processes {
		command, _ := play(t, "rotate", path, s.ID.String(), strconv.Itoa(times))
		playing = append(playing, command)
	}
	if err := rotateTimes(db.Set().Sessions, s.ID, times); err != nil {
		t.Error(err)
	}
	for _, command := range playing {
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	}
	found, err := db.Set().Sessions.Find(t.Context(), s.ID)
	if want := uint64(1 + (processes+1)*times); err != nil || found.Generation != want {
		t.Errorf("the generation is %d, %v; want %d", found.Generation, err, want)
	}
}

// A revocation by the command line, in another process, holds in this one.
func TestARevocationByAnotherProcessIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	server, cli := openSQLite(t, path), openSQLite(t, path)
	s := birth(randomID())
	if err := server.Set().Sessions.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if did, err := cli.Set().Sessions.Revoke(t.Context(), s.ID, session.Tombstone{At: s.CreatedAt, Reason: session.EndedByAdmin, By: "cli"}); !did || err != nil {
		t.Fatalf("Revoke = %v, %v", did, err)
	}
	if found, err := server.Set().Sessions.Find(t.Context(), s.ID); err != nil || !found.Revoked() {
		t.Errorf("Find = %+v, %v", found, err)
	}
	if won, err := server.Set().Sessions.Advance(t.Context(), s.ID, 1, s.Register); won || err != nil {
		t.Errorf("Advance = %v, %v", won, err)
	}
}

// openAndClose is a part: it opens the database and adds a user of its own.
func openAndClose(path string, args []string) error {
	db, err := sqlstore.OpenSQLite(context.Background(), path, sqlstore.Options{})
	if err != nil {
		return err
	}
	err = db.Set().Users.Add(context.Background(), account.User{ID: account.ID(randomID()), UsernameKey: args[0]})
	return errors.Join(err, db.Close())
}

func TestProcessesMakeOneDatabaseTogether(t *testing.T) {
	t.Parallel()
	path := newSQLite(t)
	const processes, openers = 3, 3
	var playing []*exec.Cmd
	for i := range processes {
		command, _ := play(t, "open", path, fmt.Sprintf("process %d", i))
		playing = append(playing, command)
	}
	var group sync.WaitGroup
	for range openers {
		group.Go(func() {
			db, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, command := range playing {
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	}
	everyone, _, err := openSQLite(t, path).Set().Users.Count(t.Context())
	if everyone != processes || err != nil {
		t.Errorf("%d users were added, %v; want %d", everyone, err, processes)
	}
}
