package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/password"
)

func TestAUserSignsInByNameOrAddressInAnyCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "zwölf Boxkämpfer")
	for _, login := range []string{"anna", "Anna", "ＡＮＮＡ", "anna@example.org", "ANNA@Example.ORG"} {
		got, err := h.Authenticate(t.Context(), login, "zwölf Boxkämpfer", home)
		if err != nil {
			t.Errorf("%q: %v", login, err)
		}
		if diff := cmp.Diff(anna, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", login, diff)
		}
	}
	// Another keyboard composes its letters differently, and has another space.
	if _, err := h.Authenticate(t.Context(), "anna", "zwo\u0308lf\u00a0Boxka\u0308mpfer", home); err != nil {
		t.Errorf("the same password from another keyboard: %v", err)
	}
}

func TestAWrongNameAndAWrongPasswordAreToldTheSame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	guess := h.secret("incorrect horse")
	for _, row := range []struct {
		login, typed, user, why string
	}{
		{"anna", guess, anna.ID.String(), "wrong_password"},
		{"anna@example.org", guess, anna.ID.String(), "wrong_password"},
		{"anna", "", anna.ID.String(), "wrong_password"},
		{"anna", "Correct horse", anna.ID.String(), "wrong_password"},
		{"anna", strings.Repeat("long", 100_000), anna.ID.String(), "wrong_password"},
		{"nobody", "correct horse", "", "unknown_user"},
		{"nobody@example.org", "correct horse", "", "unknown_user"},
		{"", "correct horse", "", "unknown_user"},
		{"no name at all", guess, "", "unknown_user"},
		{h.secret("typed into the wrong box"), "", "", "unknown_user"},
		{strings.Repeat("x", 100_000), guess, "", "unknown_user"},
	} {
		h.clock.advance(time.Millisecond) // so that the events have an order
		runs := h.hasher.Runs()
		user, err := h.Authenticate(t.Context(), row.login, row.typed, home)
		if !errors.Is(err, account.ErrCredentials) || err.Error() != account.ErrCredentials.Error() {
			t.Errorf("%.40q with %.40q: %v", row.login, row.typed, err)
		}
		if diff := cmp.Diff(account.User{}, user); diff != "" {
			t.Errorf("%.40q: a user came with the error", row.login)
		}
		if got := h.hasher.Runs() - runs; got != 1 {
			t.Errorf("%.40q: %d hashes were computed, want 1", row.login, got)
		}
		want := audit.Event{
			Type: audit.UserSignInFailed, User: row.user, IP: home.IP, UserAgent: home.UserAgent,
			Detail: map[string]string{"reason": row.why},
		}
		got := h.last(t, audit.UserSignInFailed)
		want.ID, want.At = got.ID, got.At
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.40q (-want +got):\n%s", row.login, diff)
		}
	}
}

func TestABlockIsToldOnlyToWhoKnowsThePassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	if _, err := h.Block(t.Context(), anna.ID, "spam", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "incorrect horse", home); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("with a wrong password: %v", err)
	}
	h.clock.advance(time.Millisecond)
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, account.ErrBlocked) {
		t.Errorf("with the right one: %v", err)
	}
	if got := h.last(t, audit.UserSignInFailed).Detail["reason"]; got != "blocked" {
		t.Errorf("the trail says %q", got)
	}
}

// guess fails to sign in from somewhere, and returns how long to wait, if so.
func guess(t *testing.T, h *house, login, ip string) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := h.Authenticate(ctx, login, "a wrong guess", account.Origin{IP: ip})
	if throttled, ok := errors.AsType[*account.ThrottledError](err); ok {
		return throttled.RetryAfter
	}
	if !errors.Is(err, account.ErrCredentials) {
		t.Fatalf("guessing at %s: %v", login, err)
	}
	return 0
}

// guesses is how many wrong passwords are looked at before a wait.
func guesses(t *testing.T, h *house, login string, ip func(i int) string) int {
	t.Helper()
	for i := range 1000 {
		if guess(t, h, login, ip(i)) > 0 {
			return i
		}
	}
	return 1000
}

func everywhere(i int) string { return fmt.Sprintf("198.51.%d.%d", i/256, i%256) }
func here(int) string         { return home.IP }

func TestGuessingAtOneAccountIsSlowWhereverItComesFrom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signUp(t, "anna", "correct horse")
	for _, login := range []string{"anna", "nobody"} { // a wait tells no more than an answer
		if got := guesses(t, h, login, everywhere); got != 10 {
			t.Errorf("%d guesses at %s, want 10", got, login)
		}
		if got := guess(t, h, strings.ToUpper(login), "203.0.113.9"); got != 30*time.Second {
			t.Errorf("the wait for %s is %v, want 30s", login, got)
		}
	}
	runs := h.hasher.Runs()
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, account.ErrThrottled) || h.hasher.Runs() != runs {
		t.Errorf("the right password from a new place: %v, and %d hashes", err, h.hasher.Runs()-runs)
	}
	h.clock.advance(30 * time.Second)
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
	if got := guesses(t, h, "anna", everywhere); got != 9 && got != 10 {
		t.Errorf("%d guesses after a success, want its ten again", got)
	}
}

// The owner of an account that somebody keeps guessing at is not kept out of it.
func TestAStrangersGuessesDoNotKeepOutTheUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signUp(t, "anna", "correct horse")
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); err != nil {
		t.Fatal(err)
	}
	guesses(t, h, "anna", everywhere)
	guesses(t, h, "anna@example.org", everywhere)
	for _, login := range []string{"anna", "anna@example.org"} {
		if _, err := h.Authenticate(t.Context(), login, "correct horse", home); err != nil {
			t.Errorf("by %s: %v", login, err)
		}
	}
	if got := guess(t, h, "anna", "203.0.113.9"); got == 0 {
		t.Error("the user's success forgave the stranger's failures")
	}
	if got := guesses(t, h, "anna", here); got != 10 {
		t.Errorf("%d guesses from where the user signs in, want 10: no more than from elsewhere", got)
	}
}

func TestGuessingAtManyAccountsFromOneAddressIsSlow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signUp(t, "anna", "correct horse")
	spray := func(ip string) int {
		for i := range 1000 {
			if guess(t, h, fmt.Sprint("user", i), ip) > 0 {
				return i
			}
		}
		return 1000
	}
	if got := spray("2001:db8:1:2::1"); got != 100 {
		t.Errorf("%d guesses from one address, want 100", got)
	}
	if got := guess(t, h, "someone", "2001:db8:1:2:ffff::9"); got != time.Second {
		t.Errorf("from the same network the wait is %v, want 1s", got)
	}
	if got := guess(t, h, "someone", "2001:db8:1:3::1"); got != 0 {
		t.Errorf("from another network the wait is %v, want none", got)
	}
	h.clock.advance(time.Second)
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", account.Origin{IP: "2001:db8:1:2::1"}); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

// Whoever is told to wait for one account has not spent what their address may.
func TestGuessesThatAreNotLookedAtCostTheAddressNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signUp(t, "anna", "correct horse")
	h.signUp(t, "ben", "correct horse")
	for range 500 {
		guess(t, h, "anna", home.IP)
	}
	if _, err := h.Authenticate(t.Context(), "ben", "correct horse", home); err != nil {
		t.Error(err)
	}
}

func TestRightPasswordsAreNeverThrottled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signUp(t, "anna", "correct horse")
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestConcurrentGuessesAreNoMoreThanGuessesInARow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signUp(t, "anna", "correct horse")
	runs := h.hasher.Runs()
	var looked atomic.Int64
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			_, err := h.Authenticate(t.Context(), "anna", "a wrong guess", account.Origin{IP: everywhere(i)})
			if errors.Is(err, account.ErrCredentials) {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() != 10 || h.hasher.Runs()-runs != 10 {
		t.Errorf("%d guesses were looked at with %d hashes, want 10", looked.Load(), h.hasher.Runs()-runs)
	}
}

func TestTheTrailTellsOfThrottlingOnceAndOfWhom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	for i := range 500 {
		guess(t, h, "anna", everywhere(i))
	}
	throttled := 0
	for _, event := range h.events(t) {
		if event.Type == audit.UserThrottled {
			throttled++
			if event.User != anna.ID.String() || event.IP != everywhere(10) {
				t.Errorf("the event is %+v", event)
			}
		}
	}
	if throttled != 1 {
		t.Errorf("%d events tell of throttling, want 1", throttled)
	}
}

// The hash that the seeds' database holds works, once, and is ours from then on.
func TestAWeakerHashIsReplacedAtSignIn(t *testing.T) {
	t.Parallel()
	const fromNode = "$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW"
	for _, row := range []struct {
		name    string
		replace error
	}{
		{"as a rule", nil},
		{"unless the store fails", errDisk},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *account.Config) { c.Store = &broken{Store: c.Store, replace: row.replace} })
			line := fmt.Sprintf(`{"username":"anna","email":"anna@example.org","password":%q}`, fromNode)
			if _, err := h.Import(t.Context(), strings.NewReader(line), account.Actor{By: account.ByCLI}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Authenticate(t.Context(), "anna", "incorrect horse", home); !errors.Is(err, account.ErrCredentials) {
				t.Fatal(err)
			}
			before, err := h.Lookup(t.Context(), "anna")
			if err != nil || before.PasswordHash != fromNode {
				t.Fatalf("a wrong password changed the hash to %q (%v)", before.PasswordHash, err)
			}
			user, err := h.Authenticate(t.Context(), "anna", h.secret("correct horse"), home)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := h.Find(t.Context(), user.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kept, user); diff != "" {
				t.Errorf("(-kept +returned):\n%s", diff)
			}
			if ours := strings.HasPrefix(kept.PasswordHash, "$argon2id$"); ours != (row.replace == nil) {
				t.Errorf("the hash is %q", kept.PasswordHash)
			}
			if kept.Epoch != 1 {
				t.Errorf("the epoch is %d: the user's tokens went stale for nothing", kept.Epoch)
			}
			if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); err != nil {
				t.Errorf("the next time: %v", err)
			}
		})
	}
}

func TestAUserWithoutAPasswordThatCanBeCheckedIsLikeNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	for _, hash := range []string{"", "{SSHA}bm8gc3VjaCBraW5k"} {
		if _, err := h.stores.Users.SetPassword(t.Context(), anna.ID, hash, h.clock.now()); err != nil {
			t.Fatal(err)
		}
		runs := h.hasher.Runs()
		for _, typed := range []string{"", "correct horse"} {
			if _, err := h.Authenticate(t.Context(), "anna", typed, home); !errors.Is(err, account.ErrCredentials) {
				t.Errorf("hash %q, password %q: %v", hash, typed, err)
			}
		}
		if got := h.hasher.Runs() - runs; got != 2 {
			t.Errorf("hash %q: %d hashes were computed, want 2", hash, got)
		}
	}
	if !strings.Contains(h.log.String(), anna.ID.String()) || strings.Contains(h.log.String(), "SSHA") {
		t.Errorf("the log should name the user whose hash is of no known kind, and not the hash:\n%s", h.log)
	}
}

func TestWhatNobodyCanDecideIsNoFailure(t *testing.T) {
	t.Parallel()
	t.Run("the store fails", func(t *testing.T) {
		t.Parallel()
		var store *broken
		h := newHouse(t, func(c *account.Config) {
			store = &broken{Store: c.Store}
			c.Store = store
		})
		h.signUp(t, "anna", "correct horse")
		store.find = errDisk
		for range 200 {
			if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
		}
		store.find = nil
		if got := guesses(t, h, "anna", here); got != 10 {
			t.Errorf("%d guesses, want all 10", got)
		}
	})
	t.Run("the client hangs up", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.signUp(t, "anna", "correct horse")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 200 {
			if _, err := h.Authenticate(gone, "anna", "a wrong guess", home); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if got := guesses(t, h, "anna", here); got != 10 {
			t.Errorf("%d guesses, want all 10", got)
		}
	})
}

func TestATooBusyServerSaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) {
		c.Hasher = password.New(password.Config{Parallel: 1, Queue: 1, Wait: time.Nanosecond})
	})
	_, err := h.Authenticate(t.Context(), "anna", "correct horse", home)
	if !errors.Is(err, account.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
}

// Ten sign-ins with one name hang in a database that does not answer. Who comes
// next waits for what becomes of them, but not for ever.
func TestWhoWaitsForOthersToFinishIsToldSoInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		h := newHouse(t, func(c *account.Config) { c.Store = &broken{Store: c.Store, stuck: stuck} })
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, account.ErrCredentials) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, account.ErrBusy) || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(stuck)
		all.Wait()
	})
}
