package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/storetest"
)

// place is a store with a journal beside it, under a clock that the test turns.
type place struct {
	*Journal
	t      *testing.T
	folder string
	store  store.Set // beneath
	kept   store.Set
	mu     sync.Mutex
	time   time.Time
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, folder: newFolder(t), store: memory.New(), time: noon}
	p.open()
	return p
}

func newFolder(t *testing.T) string {
	folder := filepath.Join(t.TempDir(), "journal")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestAJournalKeepsTheContracts(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB) store.Set {
		folder, set := filepath.Join(t.TempDir(), "journal"), memory.New()
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		j, err := Open(folder, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		if err := j.Begin(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		return j.Keep(set)
	}
	storetest.Run(t, open)
	storetest.Steps(t, open)
}

// open starts a process that stays.
func (p *place) open() {
	p.t.Helper()
	var err error
	if p.Journal, err = Open(p.folder, Options{Now: p.now}); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.Close() })
	if err := p.Begin(p.t.Context(), p.store); err != nil {
		p.t.Fatal(err)
	}
	p.kept = p.Keep(p.store)
}

func (p *place) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.time
}

func (p *place) wait(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.time = p.time.Add(d)
}

func (p *place) user() account.User {
	p.t.Helper()
	u := account.User{ID: uuid.New(p.now(), rand.Reader), Username: rand.Text(), UsernameKey: rand.Text(), PasswordHash: "old", Roles: []string{"user"}, Epoch: 1, CreatedAt: p.now()}
	if err := p.store.Users.Add(p.t.Context(), u); err != nil {
		p.t.Fatal(err)
	}
	return u
}

func (p *place) session(u account.User) session.ID {
	p.t.Helper()
	s := session.Session{ID: session.ID(uuid.New(p.now(), rand.Reader)), UserID: u.ID, CreatedAt: p.now(), ExpiresAt: p.now().Add(time.Hour)}
	if err := p.store.Sessions.Begin(p.t.Context(), s); err != nil {
		p.t.Fatal(err)
	}
	return s.ID
}

func (p *place) tombstone() session.Tombstone {
	return session.Tombstone{At: p.now(), Reason: session.SignedOut, By: "cli"}
}

// told is what the journal on the disk tells, without times, marks and beginnings.
func (p *place) told() []string {
	p.t.Helper()
	c, err := Read(p.folder)
	if err != nil || len(c.Broken) > 0 || len(c.Torn) > 0 {
		p.t.Fatalf("the journal: %v, broken %v, torn %v", err, c.Broken, c.Torn)
	}
	var told []string
	for _, r := range c.Records {
		told = append(told, about(r))
	}
	slices.Sort(told)
	return told
}

func about(r Record) string {
	switch r.Kind {
	case SessionEnded:
		return fmt.Sprintf("session %s %s %s", r.Session, r.Reason, r.By)
	case UserEnded:
		return fmt.Sprintf("sessions of %s but %s", r.User, r.Session)
	case UserChanged:
		return fmt.Sprintf("user %s epoch %d %v blocked %v", r.User, r.Epoch, r.Roles, r.Block != nil)
	case PasswordChanged:
		return fmt.Sprintf("password of %s", r.User)
	}
	return fmt.Sprintf("%s %s", r.Kind, r.Key)
}

func (p *place) want(want ...string) {
	p.t.Helper()
	slices.Sort(want)
	if got := p.told(); !slices.Equal(got, want) {
		p.t.Errorf("the journal tells\n%q, want\n%q", got, want)
	}
}

func TestWhatIsAcknowledgedIsInTheJournal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	ada, bob := p.user(), p.user()
	one, two, three := p.session(ada), p.session(ada), p.session(ada)
	if err := p.store.Keys.Add(ctx, signing.Record{Number: 1, ID: "kid"}); err != nil {
		t.Fatal(err)
	}
	p.wait(time.Minute)

	if did, err := p.kept.Sessions.Revoke(ctx, one, p.tombstone()); !did || err != nil {
		t.Fatal(did, err)
	}
	if did, err := p.kept.Sessions.Revoke(ctx, one, p.tombstone()); did || err != nil {
		t.Fatal(did, err)
	}
	if ended, err := p.kept.Sessions.RevokeUser(ctx, ada.ID, three, p.tombstone()); len(ended) != 1 || err != nil {
		t.Fatal(ended, err)
	}
	_, rolesErr := p.kept.Users.SetRoles(ctx, bob.ID, []string{"admin"}, p.now())
	_, blockErr := p.kept.Users.SetBlock(ctx, bob.ID, account.Block{At: p.now(), Reason: "why", By: "cli"})
	_, clearErr := p.kept.Users.ClearBlock(ctx, bob.ID, p.now())
	_, passwordErr := p.kept.Users.SetPassword(ctx, bob.ID, "new", p.now())
	if err := errors.Join(rolesErr, blockErr, clearErr, passwordErr, p.kept.Keys.Revoke(ctx, "kid", p.now())); err != nil {
		t.Fatal(err)
	}
	if _, did, err := p.kept.Users.SetPasswordIf(ctx, bob.ID, 1, "newer", p.now()); did || err != nil {
		t.Fatal(did, err)
	}
	want := []string{
		"session " + one.String() + " signed_out cli",
		"session " + two.String() + " signed_out cli",
		"sessions of " + ada.ID.String() + " but " + three.String(),
		"user " + bob.ID.String() + " epoch 2 [admin] blocked false",
		"user " + bob.ID.String() + " epoch 3 [admin] blocked true",
		"user " + bob.ID.String() + " epoch 4 [admin] blocked false",
		"user " + bob.ID.String() + " epoch 5 [admin] blocked false",
		"password of " + bob.ID.String(),
		"key kid",
	}
	p.want(want...)

	// To compare it with the store adds nothing, now or at the next start.
	if err := p.CatchUp(ctx, p.store); err != nil {
		t.Fatal(err)
	}
	p.want(want...)
	p.Close()
	p.wait(time.Second)
	p.open()
	p.want(want...)
}

// Others end sessions, too: commands that were not told of the journal, nodes that have
// another. What they do is in this one soon.
func TestWhatOthersDidIsCaughtUpWith(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	ada := p.user()
	id := p.session(ada)
	p.wait(time.Hour)
	act := func(at time.Time) {
		t.Helper()
		if _, err := p.store.Sessions.Revoke(ctx, id, p.tombstone()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.store.Users.SetPassword(ctx, ada.ID, "new", at); err != nil {
			t.Fatal(err)
		}
		e := audit.Event{ID: uuid.New(at, rand.Reader), At: at.Add(3 * time.Millisecond), Type: audit.UserPasswordChanged, User: ada.ID.String()}
		if err := p.store.Events.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	catchUp := func() {
		t.Helper()
		for range 3 { // again and again: nothing is written twice
			if err := p.CatchUp(ctx, p.store); err != nil {
				t.Fatal(err)
			}
		}
	}
	catchUp()
	act(p.now())
	catchUp()
	want := []string{
		"session " + id.String() + " signed_out cli",
		"password of " + ada.ID.String(),
		"user " + ada.ID.String() + " epoch 2 [user] blocked false",
	}
	p.want(want...)
	c, err := Read(p.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Records {
		if r.Kind == PasswordChanged && (!r.At.Equal(p.now()) || r.Epoch != 2) {
			t.Errorf("the change of password is of %v, epoch %d; want that of the store", r.At, r.Epoch)
		}
	}

	// Those, too, of the time when no process with the journal ran.
	p.Close()
	p.wait(10 * 24 * time.Hour)
	act(p.now())
	p.wait(24 * time.Hour)
	p.open()
	p.want(append(want, "password of "+ada.ID.String(), "user "+ada.ID.String()+" epoch 3 [user] blocked false")...)
}

// fail lets every write fail until mend is called.
func (p *place) fail() (mend func()) {
	p.t.Helper()
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := os.Rename(p.folder, p.folder+".away"); err != nil {
		p.t.Fatal(err)
	}
	return func() {
		if err := os.Rename(p.folder+".away", p.folder); err != nil {
			p.t.Fatal(err)
		}
	}
}

// A journal that cannot be written keeps no session alive, and acknowledges nothing: not
// when the same is asked again, either. When it is there again, it catches up.
func TestAJournalThatFailsLosesNoRevocation(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	ada := p.user()
	one, two := p.session(ada), p.session(ada)
	if err := p.Write(ctx, Record{Kind: KeyRevoked, At: p.now(), Key: "before"}); err != nil {
		t.Fatal(err)
	}
	mend := p.fail()

	for range 2 {
		if _, err := p.kept.Sessions.Revoke(ctx, one, p.tombstone()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a revocation: %v", err)
		}
	}
	// The use case goes on after these, to end the sessions; that fails.
	if _, err := p.kept.Users.SetPassword(ctx, ada.ID, "new", p.now()); err != nil {
		t.Errorf("a new password: %v", err)
	}
	if _, err := p.kept.Users.SetBlock(ctx, ada.ID, account.Block{At: p.now(), By: "cli"}); err != nil {
		t.Errorf("a block: %v", err)
	}
	if _, err := p.kept.Sessions.RevokeUser(ctx, ada.ID, session.ID{}, p.tombstone()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the end of all sessions: %v", err)
	}
	if _, err := p.kept.Users.SetRoles(ctx, ada.ID, []string{"admin"}, p.now()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("other roles: %v", err)
	}
	for _, id := range []session.ID{one, two} {
		if s, err := p.store.Sessions.Find(ctx, id); err != nil || !s.Revoked() {
			t.Errorf("session %s lives: %v", id, err)
		}
	}
	if p.Check() == nil {
		t.Error("nobody would notice")
	}
	if err := p.CatchUp(ctx, p.store); err == nil || p.Check() == nil {
		t.Error("it has caught up with no disk")
	}

	mend()
	// Writing works again, but what came before is not there yet.
	if _, err := p.kept.Sessions.Revoke(ctx, one, p.tombstone()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a revocation before it has caught up: %v", err)
	}
	if err := p.CatchUp(ctx, p.store); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if _, err := p.kept.Sessions.Revoke(ctx, one, p.tombstone()); err != nil {
		t.Error(err)
	}
	p.want(
		"key before",
		"session "+one.String()+" signed_out cli",
		"session "+two.String()+" signed_out cli",
		"user "+ada.ID.String()+" epoch 4 [admin] blocked true",
	)
}

// Each process at a time has a file; one that a process left is taken over, with what
// a crash cut short taken off.
func TestAFileHasOneWriter(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	process := func() *Journal {
		j, err := Open(folder, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		return j
	}
	write := func(j *Journal, key string) {
		t.Helper()
		if err := j.Write(t.Context(), Record{Kind: KeyRevoked, At: noon, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	files := func(want int) []string {
		t.Helper()
		files, err := names(folder)
		if err != nil || len(files) != want {
			t.Fatalf("%d files, %v, want %d", len(files), err, want)
		}
		return files
	}
	server, command := process(), process()
	write(server, "1")
	write(command, "2")
	write(server, "3")
	files(2)
	left := command.file.Name()
	command.Close()
	torn, err := os.OpenFile(left, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString("w1 3 012345"); err != nil {
		t.Fatal(err)
	}
	torn.Close()
	if c, err := Read(folder); err != nil || len(c.Torn) != 1 || len(c.Broken) > 0 || len(c.Records) != 3 {
		t.Fatalf("%+v, %v", c, err)
	}
	write(process(), "4")
	files(2)
	c, err := Read(folder)
	if err != nil || len(c.Torn) > 0 || len(c.Broken) > 0 || len(c.Records) != 4 {
		t.Errorf("%+v, %v", c, err)
	}
}

// Whoever starts merges what others left, and drops what no restore needs.
func TestAStartTidiesUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	ada := p.user()
	old := p.session(ada)
	if _, err := p.kept.Sessions.Revoke(ctx, old, p.tombstone()); err != nil {
		t.Fatal(err)
	}
	// By a node whose clock is ahead, and then by one whose clock is right.
	if _, err := p.kept.Users.SetRoles(ctx, ada.ID, []string{"admin"}, p.now().Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.kept.Users.SetBlock(ctx, ada.ID, account.Block{At: p.now(), By: "cli"}); err != nil {
		t.Fatal(err)
	}
	other, err := Open(p.folder, Options{Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Write(ctx, Record{Kind: KeyRevoked, At: p.now(), Key: "of a command"}); err != nil {
		t.Fatal(err)
	}
	other.Close()
	p.wait(30 * 24 * time.Hour)
	young := p.session(ada)
	if _, err := p.kept.Sessions.Revoke(ctx, young, p.tombstone()); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.wait(2 * 24 * time.Hour)
	if _, err := p.store.Sessions.Forget(ctx, p.now(), 100); err != nil {
		t.Fatal(err)
	}
	p.open()
	p.want(
		"session "+young.String()+" signed_out cli",
		"user "+ada.ID.String()+" epoch 3 [admin] blocked true",
		"key of a command",
	)
	c, err := Read(p.folder)
	if err != nil || !c.Since.Equal(noon) {
		t.Errorf("it is complete since %v, %v; want %v", c.Since, err, noon)
	}
	if files, _ := names(p.folder); len(files) != 1 {
		t.Errorf("there are %d files", len(files))
	}
}

// The checksums do not keep a forger out: the folder's mode has to.
func TestAFolderOfEverybodyIsTold(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: modes tell nothing on Windows")
	}
	for mode, want := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o777: true, 0o777 | os.ModeSticky: true} {
		folder := t.TempDir()
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		j, err := Open(folder, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Begin(t.Context(), memory.New()); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if told := strings.Contains(log.String(), "everybody on this machine may write"); told != want {
			t.Errorf("mode %v: told %t, want %t", mode, told, want)
		}
	}
}

// A damaged file is left as it is, for a restore to tell; the journal goes on in another.
func TestADamagedFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, key := range []string{"1", "2", "3"} {
		if err := p.Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	name := p.file.Name()
	p.Close()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	p.open()
	if err := p.Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: "4"}); err != nil {
		t.Fatal(err)
	}
	c, err := Read(p.folder)
	if err != nil || len(c.Broken) != 1 {
		t.Errorf("broken: %v, %v", c.Broken, err)
	}
	if now, err := os.ReadFile(name); err != nil || !slices.Equal(now, content) {
		t.Errorf("the damaged file was changed: %v", err)
	}
}

// Of a file whose writing failed nobody knows what the disk has: another is begun.
func TestAFileThatFailedIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	write := func(key string) error {
		return p.Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: key})
	}
	if err := write("1"); err != nil {
		t.Fatal(err)
	}
	failed := p.file.Name()
	readOnly, err := os.Open(failed)
	if err != nil {
		t.Fatal(err)
	}
	p.file.Close()
	p.file.File = readOnly
	if err := write("2"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it fails with %v", err)
	}
	if err := p.CatchUp(t.Context(), p.store); err != nil {
		t.Fatal(err)
	}
	if err := write("3"); err != nil {
		t.Fatal(err)
	}
	if p.file.Name() == failed {
		t.Error("the file that failed is written again")
	}
	p.want("key 1", "key 3")
}

func TestAFileThatIsRemovedIsMissed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, key := range []string{"1", "2"} {
		if err := p.Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: key}); err != nil {
			t.Fatal(err)
		}
		if key == "1" {
			if err := os.Remove(p.file.Name()); err != nil {
				t.Fatal(err)
			}
			p.wait(time.Hour)
		}
	}
	p.want("key 2")
	if c, err := Read(p.folder); err != nil || !c.Since.Equal(p.now()) {
		t.Errorf("it is complete since %v, %v; want %v", c.Since, err, p.now())
	}
}

func TestConcurrentWritesAreAllThere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if err := p.Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(p.told()); got != 200 {
		t.Errorf("%d records", got)
	}
}
