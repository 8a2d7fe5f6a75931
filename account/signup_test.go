package account_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

func TestAStrangerSignsUpAndIsAUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user, err := h.SignUp(t.Context(), account.NewUser{
		Username: "Anna", Email: "Anna@Example.org", Password: h.secret("correct horse"), Roles: []string{"user"},
	}, home)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := h.Find(t.Context(), user.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept, user); diff != "" {
		t.Errorf("what is kept is not what was returned (-kept +returned):\n%s", diff)
	}
	want := account.User{
		ID: user.ID, Username: "Anna", UsernameKey: "anna", Email: "Anna@Example.org", EmailKey: "anna@example.org",
		PasswordHash: user.PasswordHash, Roles: []string{"user"}, Epoch: 1, CreatedAt: h.clock.now(),
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(user.PasswordHash, "$argon2id$") {
		t.Errorf("the hash is %q", user.PasswordHash)
	}
	event := h.last(t, audit.UserSignedUp)
	if event.User != user.ID.String() || event.Actor != user.ID.String() || event.IP != home.IP || event.UserAgent != home.UserAgent {
		t.Errorf("the event is %+v", event)
	}
	if len(h.epochs.told) != 0 {
		t.Errorf("followers were told of %v, but a new user has no stale tokens", h.epochs.told)
	}
}

func TestSignUpsThatAreRefusedLeaveNoAccount(t *testing.T) {
	t.Parallel()
	good := account.NewUser{Username: "ben", Email: "ben@example.org", Password: "correct horse"}
	with := func(change func(*account.NewUser)) account.NewUser {
		n := good
		change(&n)
		return n
	}
	for _, row := range []struct {
		name string
		user account.NewUser
		err  error
		says string // part of the error
	}{
		{"admin", with(func(n *account.NewUser) { n.Roles = []string{"admin"} }), account.ErrRoleForbidden, "admin"},
		{"user and moderator", with(func(n *account.NewUser) { n.Roles = []string{"user", "moderator"} }), account.ErrRoleForbidden, "moderator"},
		{"no such role", with(func(n *account.NewUser) { n.Roles = []string{"king"} }), account.ErrUnknownRole, "king"},
		{"a role in the case of tokens", with(func(n *account.NewUser) { n.Roles = []string{"ROLE_USER"} }), account.ErrUnknownRole, "ROLE_USER"},
		{"name in use", with(func(n *account.NewUser) { n.Username = "ANNA" }), account.ErrUsernameTaken, ""},
		{"address in use", with(func(n *account.NewUser) { n.Email = "ANNA@example.org" }), account.ErrEmailTaken, ""},
		{"no name", with(func(n *account.NewUser) { n.Username = "" }), account.ErrInvalid, "username: Please choose"},
		{"no address", with(func(n *account.NewUser) { n.Email = "" }), account.ErrInvalid, "email: Please give"},
		{"no address at all", with(func(n *account.NewUser) { n.Email = "ben" }), account.ErrInvalid, "email: "},
		{"no password", with(func(n *account.NewUser) { n.Password = "" }), account.ErrInvalid, "password: Please choose"},
		{"short password", with(func(n *account.NewUser) { n.Password = "secret" }), account.ErrInvalid, "has 6 characters; it needs at least 8"},
		{"long password", with(func(n *account.NewUser) { n.Password = strings.Repeat("long ", 26) }), account.ErrInvalid, "at most 128"},
		{"endless password", with(func(n *account.NewUser) { n.Password = strings.Repeat("long", 10_000) }), account.ErrInvalid, "at most 128"},
		{"common password", with(func(n *account.NewUser) { n.Password = "Password1" }), account.ErrInvalid, "most used"},
		{"own name", with(func(n *account.NewUser) { n.Username, n.Password = "Benedict", "bENEDICT" }), account.ErrInvalid, "your own name"},
		{"own name, wide", with(func(n *account.NewUser) { n.Username, n.Password = "Ｂｅｎｅｄｉｃｔ", "benedict" }), account.ErrInvalid, "your own name"},
		{"own address", with(func(n *account.NewUser) { n.Password = "Ben@Example.org" }), account.ErrInvalid, "your own name"},
		{"own mailbox", with(func(n *account.NewUser) { n.Email, n.Password = "benedict@example.org", "benedict" }), account.ErrInvalid, "your own name"},
		{"control character", with(func(n *account.NewUser) { n.Password = "correct\x07horse" }), account.ErrInvalid, "typed the same way"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.signUp(t, "anna", "an honest phrase")
			runs := h.hasher.Runs()
			user, err := h.SignUp(t.Context(), row.user, home)
			if !errors.Is(err, row.err) || !strings.Contains(fmt.Sprint(err), row.says) {
				t.Errorf("got %v, want %v with %q", err, row.err, row.says)
			}
			if diff := cmp.Diff(account.User{}, user); diff != "" {
				t.Errorf("a user came with the error: %s", diff)
			}
			if n := h.users(t); n != 1 {
				t.Errorf("there are %d users, want 1", n)
			}
			if h.hasher.Runs() != runs {
				t.Error("a hash was computed for nothing")
			}
		})
	}
}

// What the seeds' front ends show.
func TestAnUnknownRoleIsNamedAsTheSeedsDo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.SignUp(t.Context(), account.NewUser{
		Username: "ben", Email: "ben@example.org", Password: "correct horse", Roles: []string{"user", "king"},
	}, home)
	role, ok := errors.AsType[*account.RoleError](err)
	if !ok || role.Message != "Failed! Role king does not exist!" {
		t.Errorf("got %#v", err)
	}
}

func TestNobodySignsUpWhileSignUpIsClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.SignupOpen = false })
	_, err := h.SignUp(t.Context(), account.NewUser{Username: "ben", Email: "ben@example.org", Password: "correct horse"}, home)
	if !errors.Is(err, account.ErrSignupClosed) || h.SignupOpen() {
		t.Errorf("got %v, want ErrSignupClosed", err)
	}
	if _, err := h.Create(t.Context(), account.NewUser{Username: "ben", Password: h.secret("correct horse")}, account.Actor{By: account.ByCLI}); err != nil {
		t.Errorf("an administrator cannot create a user either: %v", err)
	}
}

func TestOfManyWhoWantOneNameOneGetsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var got atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := h.SignUp(t.Context(), account.NewUser{
				Username: "anna", Email: fmt.Sprintf("anna%d@example.org", i), Password: "correct horse",
			}, home)
			switch {
			case err == nil:
				got.Add(1)
			case !errors.Is(err, account.ErrUsernameTaken):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 || h.users(t) != 1 {
		t.Errorf("%d got the name and there are %d users, want 1 and 1", got.Load(), h.users(t))
	}
}

func TestAnAddressThatSignsUpTooOftenWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	signUp := func(i int, from account.Origin) error {
		_, err := h.SignUp(t.Context(), account.NewUser{
			Username: fmt.Sprint("user", i), Email: fmt.Sprintf("user%d@example.org", i), Password: "correct horse",
		}, from)
		return err
	}
	for i := range 25 {
		if err := signUp(i, home); err != nil {
			t.Fatal(err)
		}
		if err := signUp(i, home); !errors.Is(err, account.ErrUsernameTaken) { // to ask who exists counts as well
			t.Fatal(err)
		}
	}
	err := signUp(100, home)
	throttled, ok := errors.AsType[*account.ThrottledError](err)
	if !ok || throttled.RetryAfter != 10*time.Second || !errors.Is(err, account.ErrThrottled) {
		t.Errorf("the 51st got %v, want to wait 10s", err)
	}
	if err := signUp(100, account.Origin{IP: "2001:db8::1"}); err != nil {
		t.Errorf("another address got %v", err)
	}
	h.clock.advance(10 * time.Second)
	if err := signUp(101, home); err != nil {
		t.Errorf("ten seconds later: %v", err)
	}
	if event := h.last(t, audit.UserThrottled); event.IP != home.IP || event.User != "" {
		t.Errorf("the event is %+v", event)
	}
}

func TestAFailingStoreLeavesNoAccountAndCostsNoSignUp(t *testing.T) {
	t.Parallel()
	var store *broken
	h := newHouse(t, func(c *account.Config) {
		store = &broken{Store: c.Store, add: errDisk}
		c.Store = store
	})
	for range 100 {
		_, err := h.SignUp(t.Context(), account.NewUser{Username: "anna", Email: "anna@example.org", Password: "correct horse"}, home)
		if !errors.Is(err, errDisk) {
			t.Fatalf("got %v", err)
		}
	}
	store.add = nil
	h.signUp(t, "anna", "correct horse")
}
