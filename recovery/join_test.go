package recovery_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/journal"
	"github.com/watchwordauth/watchword/recovery"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a store with a journal, and backups of the store.
type world struct {
	t        *testing.T
	set      store.Set // with the journal
	beneath  store.Set
	folder   string
	now      time.Time
	users    []account.ID
	sessions []session.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, beneath: memory.New(), folder: t.TempDir(), now: noon}
	j, err := journal.Open(w.folder, journal.Options{Now: func() time.Time { return w.now }})
	w.must(err)
	t.Cleanup(func() { j.Close() })
	w.must(j.Begin(t.Context(), w.beneath))
	w.set = j.Keep(w.beneath)
	return w
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) user(name string) account.ID {
	w.t.Helper()
	u := account.User{ID: uuid.New(w.now, rand.Reader), Username: name, UsernameKey: name, PasswordHash: "old", Roles: []string{"user"}, Epoch: 1, CreatedAt: w.now}
	w.must(w.set.Users.Add(w.t.Context(), u))
	w.users = append(w.users, u.ID)
	return u.ID
}

func (w *world) session(user account.ID) session.ID {
	w.t.Helper()
	s := session.Session{
		ID: session.ID(uuid.New(w.now, rand.Reader)), UserID: user, ClientID: "watchword", Delivery: session.Body, CreatedAt: w.now, ExpiresAt: w.now.Add(30 * 24 * time.Hour),
		Register: session.Register{Generation: 1, RotatedAt: w.now, EmittedAt: w.now, IdleUntil: w.now.Add(7 * 24 * time.Hour)},
	}
	w.must(w.set.Sessions.Begin(w.t.Context(), s))
	w.sessions = append(w.sessions, s.ID)
	return s.ID
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) records() []journal.Record {
	w.t.Helper()
	c, err := journal.Read(w.folder)
	w.must(err)
	return c.Records
}

// backup is a copy of what the store has.
func (w *world) backup() store.Set {
	w.t.Helper()
	ctx, copied := w.t.Context(), memory.New()
	for _, id := range w.users {
		u, err := w.beneath.Users.Find(ctx, id)
		w.must(err, copied.Users.Add(ctx, u))
	}
	for _, id := range w.sessions {
		s, err := w.beneath.Sessions.Find(ctx, id)
		w.must(err, copied.Sessions.Begin(ctx, s))
		if s.Revoked() {
			_, err := copied.Sessions.Revoke(ctx, id, s.Tombstone)
			w.must(err)
		}
	}
	keys, err := w.beneath.Keys.Keys(ctx)
	w.must(err)
	for _, k := range keys {
		w.must(copied.Keys.Add(ctx, k))
	}
	events, err := w.beneath.Events.Events(ctx, audit.Query{Limit: 1000})
	w.must(err, copied.Events.Record(ctx, events...))
	return copied
}

func quiet(int, int) {}

func by(at time.Time) session.Tombstone {
	return session.Tombstone{At: at, Reason: session.SignedOut, By: "cli"}
}

// A restored store is told everything that matters of what happened since, and
// nothing that it knows.
func TestWhatHappenedSinceTheBackupIsDoneAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ada, bob, cyd, dan, eve := w.user("ada"), w.user("bob"), w.user("cyd"), w.user("dan"), w.user("eve")
	goesOn, ends, endsToo, spared := w.session(ada), w.session(ada), w.session(bob), w.session(bob)
	known := w.session(cyd)
	_, err := w.set.Sessions.RevokeUser(ctx, eve, session.ID{}, by(w.now))
	w.must(err)
	w.pass(time.Minute)
	after := w.session(eve) // all of hers were ended before
	w.must(w.beneath.Keys.Add(ctx, signing.Record{Number: 1, ID: "lost"}), w.beneath.Keys.Add(ctx, signing.Record{Number: 2, ID: "good"}))
	w.pass(time.Hour)
	_, err = w.set.Sessions.Revoke(ctx, known, by(w.now))
	w.must(err)
	_, err = w.set.Users.SetPassword(ctx, eve, "new", w.now) // before the backup: it holds
	w.must(err)
	_, err = w.set.Users.SetBlock(ctx, dan, account.Block{At: w.now, Reason: "a mistake", By: "cli"})
	w.must(err)
	backup := w.backup()

	w.pass(time.Hour)
	_, err = w.set.Sessions.Revoke(ctx, ends, by(w.now))
	w.must(err)
	_, err = w.set.Sessions.RevokeUser(ctx, bob, spared, by(w.now))
	w.must(err)
	unborn := w.session(ada)
	_, err = w.set.Sessions.Revoke(ctx, unborn, by(w.now))
	w.must(err)
	_, err = w.set.Users.SetRoles(ctx, ada, []string{"admin", "user"}, w.now)
	w.must(err)
	_, err = w.set.Users.SetPassword(ctx, bob, "new", w.now)
	w.must(err)
	for range 3 {
		_, err = w.set.Users.SetBlock(ctx, cyd, account.Block{At: w.now, Reason: "left", By: "cli"})
		w.must(err)
	}
	_, err = w.set.Users.ClearBlock(ctx, dan, w.now)
	w.must(err)
	w.users = append(w.users[:0:0], w.users...)
	late := w.user("late")
	_, err = w.set.Users.SetRoles(ctx, late, nil, w.now)
	w.must(err, w.set.Keys.Revoke(ctx, "lost", w.now))

	w.pass(time.Hour)
	report, err := recovery.Join(ctx, backup, w.records(), w.now, quiet)
	w.must(err)
	names := func(users []account.User) (names []string) {
		for _, u := range users {
			names = append(names, u.Username)
		}
		return names
	}
	type summary struct {
		Ended, Known, Unborn, Unknown, Keys    int
		Blocked, Unblocked, Roles, NewPassword []string
	}
	want := summary{2, 1, 1, 1, 1, []string{"cyd"}, []string{"dan"}, []string{"ada"}, []string{"bob"}}
	got := summary{report.Ended, report.Known, report.Unborn, report.Unknown, report.Keys, names(report.Blocked), names(report.Unblocked), names(report.Roles), names(report.Passwords)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the report (-want +got)\n%s", diff)
	}
	for id, lives := range map[session.ID]bool{goesOn: true, ends: false, endsToo: false, spared: true, known: false, after: true} {
		s, err := backup.Sessions.Find(ctx, id)
		w.must(err)
		if s.Revoked() == lives {
			t.Errorf("session %s: revoked %v", id, s.Revoked())
		}
		if !lives && s.Tombstone.Reason != session.SignedOut {
			t.Errorf("session %s ended for %q", id, s.Tombstone.Reason)
		}
	}
	for _, id := range []account.ID{ada, bob, cyd, dan, eve} {
		last, err := w.beneath.Users.Find(ctx, id)
		w.must(err)
		u, err := backup.Users.Find(ctx, id)
		w.must(err)
		if id == eve {
			if u.PasswordHash != "new" || u.Epoch != 2 {
				t.Errorf("eve, who did not change, has %q in epoch %d", u.PasswordHash, u.Epoch)
			}
			continue
		}
		if !slices.Equal(u.Roles, last.Roles) || u.Block != last.Block || u.Epoch <= last.Epoch || !u.EpochAt.Equal(w.now) {
			t.Errorf("%s is %+v, was last %+v", u.Username, u, last)
		}
		if hash := map[bool]string{true: "", false: "old"}[id == bob]; u.PasswordHash != hash {
			t.Errorf("%s has the password hash %q", u.Username, u.PasswordHash)
		}
	}
	if keys, err := backup.Keys.Keys(ctx); err != nil || keys[0].RevokedAt.IsZero() || !keys[1].RevokedAt.IsZero() {
		t.Errorf("keys %+v, %v", keys, err)
	}

	// Once more changes nothing.
	again, err := recovery.Join(ctx, backup, w.records(), w.now.Add(time.Hour), quiet)
	w.must(err)
	if again.Ended != 0 || len(again.Blocked)+len(again.Roles)+len(again.Passwords)+len(again.Unblocked)+again.Keys != 0 {
		t.Errorf("the second time it did %+v", again)
	}
}

// Nodes do not agree about the second, and an administrator acts on both.
func TestABlockByANodeWhoseClockIsBehindIsDoneAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	before, between, long := w.user("ada"), w.user("bob"), w.user("cyd")
	ahead := w.now.Add(2 * time.Second) // on another node's clock
	roles := []string{"editor", "user"}
	for _, id := range []account.ID{before, long} {
		_, err := w.set.Users.SetRoles(ctx, id, roles, ahead)
		w.must(err)
	}
	backup := w.backup()
	_, err := w.set.Users.SetRoles(ctx, between, roles, ahead)
	w.must(err)
	for _, id := range []account.ID{before, between} {
		_, err := w.set.Users.SetBlock(ctx, id, account.Block{At: w.now, Reason: "a thief", By: "cli"})
		w.must(err)
	}
	// A state of another life of the store, which was restored without its journal.
	records := append([]journal.Record{{
		Kind: journal.UserChanged, At: w.now.Add(-time.Hour), User: long, Epoch: 9, Roles: []string{"admin"},
	}}, w.records()...)

	report, err := recovery.Join(ctx, backup, records, w.now.Add(time.Minute), quiet)
	w.must(err)
	for id, blocked := range map[account.ID]bool{before: true, between: true, long: false} {
		u, err := backup.Users.Find(ctx, id)
		w.must(err)
		if u.Blocked() != blocked || !slices.Equal(u.Roles, roles) {
			t.Errorf("%s: blocked %t, roles %v", u.Username, u.Blocked(), u.Roles)
		}
	}
	if len(report.Blocked) != 2 {
		t.Errorf("%d blocked again", len(report.Blocked))
	}
}

// A join that is cut off after any of its writes is completed by the next one.
func TestAJoinThatWasCutOffIsCompletedByTheNext(t *testing.T) {
	t.Parallel()
	for writes := range 40 {
		w := newWorld(t)
		ctx := t.Context()
		ada := w.user("ada")
		w.session(ada)
		w.pass(time.Hour)
		_, err := w.set.Users.SetRoles(ctx, ada, []string{"writer"}, w.now)
		w.must(err)
		backup := w.backup()
		w.pass(time.Hour)
		_, err = w.set.Users.SetPassword(ctx, ada, "new", w.now)
		w.must(err)
		_, err = w.set.Sessions.RevokeUser(ctx, ada, session.ID{}, by(w.now))
		w.must(err)
		w.pass(time.Hour)
		_, err = w.set.Users.SetBlock(ctx, ada, account.Block{At: w.now, Reason: "why", By: "cli"})
		w.must(err)
		w.pass(time.Hour)
		_, err = w.set.Users.SetRoles(ctx, ada, []string{"reader"}, w.now)
		w.must(err)
		last, err := w.beneath.Users.Find(ctx, ada)
		w.must(err)
		w.pass(time.Hour)

		var left atomic.Int64
		left.Store(int64(writes))
		failing := backup
		failing.Users, failing.Sessions = brittleUsers{backup.Users, &left}, brittleSessions{backup.Sessions, &left}
		_, cut := recovery.Join(ctx, failing, w.records(), w.now, quiet)
		_, err = recovery.Join(ctx, backup, w.records(), w.now.Add(time.Minute), quiet)
		w.must(err)
		u, err := backup.Users.Find(ctx, ada)
		w.must(err)
		s, err := backup.Sessions.Find(ctx, w.sessions[0])
		w.must(err)
		if u.PasswordHash != "" || !slices.Equal(u.Roles, last.Roles) || u.Block != last.Block || u.Epoch < last.Epoch || !s.Revoked() {
			t.Errorf("cut off after %d writes: %+v, session revoked %v; want %+v", writes, u, s.Revoked(), last)
		}
		if cut == nil {
			if writes < 4 {
				t.Errorf("it took only %d writes", writes)
			}
			return
		}
	}
	t.Error("it never ends")
}

var errPower = errors.New("the power failed")

// brittleUsers and brittleSessions are stores that fail after some writes.
type brittleUsers struct {
	account.Store
	left *atomic.Int64
}

func (b brittleUsers) power() error {
	if b.left.Add(-1) < 0 {
		return errPower
	}
	return nil
}

func (b brittleUsers) SetPassword(ctx context.Context, id account.ID, hash string, at time.Time) (account.User, error) {
	if err := b.power(); err != nil {
		return account.User{}, err
	}
	return b.Store.SetPassword(ctx, id, hash, at)
}

func (b brittleUsers) SetRoles(ctx context.Context, id account.ID, roles []string, at time.Time) (account.User, error) {
	if err := b.power(); err != nil {
		return account.User{}, err
	}
	return b.Store.SetRoles(ctx, id, roles, at)
}

func (b brittleUsers) SetBlock(ctx context.Context, id account.ID, block account.Block) (account.User, error) {
	if err := b.power(); err != nil {
		return account.User{}, err
	}
	return b.Store.SetBlock(ctx, id, block)
}

type brittleSessions struct {
	session.Store
	left *atomic.Int64
}

func (b brittleSessions) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	if err := (brittleUsers{left: b.left}).power(); err != nil {
		return false, err
	}
	return b.Store.Revoke(ctx, id, t)
}

func TestAWindowIsReadAsItWasOpened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	if window, err := recovery.Window(ctx, w.beneath.Events); err != nil || window != (session.Recovery{}) {
		t.Errorf("a store that was never restored has %+v, %v", window, err)
	}
	restored := noon.Add(-time.Hour)
	first, err := recovery.Open(ctx, w.beneath, restored, noon, 7*24*time.Hour)
	w.must(err)
	if want := (session.Recovery{RestoredTo: restored, ReopenedAt: noon, ClosesAt: noon.Add(7 * 24 * time.Hour)}); first != want {
		t.Errorf("it opened %+v", first)
	}
	if read, err := recovery.Window(ctx, w.beneath.Events); err != nil || read != first {
		t.Errorf("it is read as %+v, %v", read, err)
	}

	// A backup from within the window: what was rotated before the first restore is not forgotten.
	later := noon.Add(48 * time.Hour)
	second, err := recovery.Open(ctx, w.beneath, later.Add(-time.Hour), later, 24*time.Hour)
	w.must(err)
	if !second.RestoredTo.Equal(restored) || !second.ReopenedAt.Equal(later) {
		t.Errorf("the second window is %+v", second)
	}
	// And one from after it.
	much := later.Add(30 * 24 * time.Hour)
	third, err := recovery.Open(ctx, w.beneath, much.Add(-time.Hour), much, 365*24*time.Hour)
	w.must(err)
	if !third.RestoredTo.Equal(much.Add(-time.Hour)) || third.ClosesAt.Sub(much) != recovery.Longest {
		t.Errorf("the third window is %+v", third)
	}
}

func TestEndAllEndsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 1100 {
		w.pass(time.Second)
		w.session(w.user(rand.Text()))
	}
	told := 0
	n, err := recovery.EndAll(t.Context(), w.beneath, w.now, func(n int) { told = n })
	if err != nil || n != 1100 || told != 1100 {
		t.Errorf("%d ended, %d told, %v", n, told, err)
	}
	if alive, err := w.beneath.Sessions.Count(t.Context(), w.now); err != nil || alive != 0 {
		t.Errorf("%d live on, %v", alive, err)
	}
}
