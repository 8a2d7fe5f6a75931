package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

// office is where the administrator of these stories acts from.
var office = account.Origin{IP: "203.0.113.1", UserAgent: "curl/8"}

// admin makes an administrator.
func (h *house) admin(t *testing.T) (account.User, account.Actor) {
	t.Helper()
	user, err := h.Create(t.Context(), account.NewUser{
		Username: "root", Password: h.secret("head of the house"), Roles: []string{"admin", "user", "admin"},
	}, account.Actor{By: account.ByCLI})
	if err != nil {
		t.Fatal(err)
	}
	return user, account.Actor{By: user.ID.String(), From: office}
}

func TestAnAdministratorCreatesAUserWithAnyKnownRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.Roles = []string{"press"} })
	if diff := cmp.Diff([]string{"admin", "moderator", "press", "user"}, h.Roles()); diff != "" {
		t.Errorf("the roles (-want +got):\n%s", diff)
	}
	admin, by := h.admin(t)
	if diff := cmp.Diff([]string{"admin", "user"}, admin.Roles); diff != "" {
		t.Errorf("roles are not sorted and single:\n%s", diff)
	}
	carl, err := h.Create(t.Context(), account.NewUser{
		Username: "carl", Email: "carl@example.org", Password: h.secret("correct horse"), Roles: []string{"press", "moderator"},
	}, by)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Event{
		Type: audit.UserCreated, User: carl.ID.String(), Actor: admin.ID.String(), IP: office.IP, UserAgent: office.UserAgent,
		At: h.clock.now(), Detail: map[string]string{"roles": "moderator press"},
	}
	events := h.events(t)
	var got audit.Event
	for _, e := range events {
		if e.User == carl.ID.String() {
			got = e
		}
	}
	want.ID = got.ID
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
	if _, err := h.Authenticate(t.Context(), "carl", "correct horse", home); err != nil {
		t.Error(err)
	}
	for _, row := range []struct {
		user account.NewUser
		err  error
	}{
		{account.NewUser{Username: "dora", Password: "correct horse", Roles: []string{"king"}}, account.ErrUnknownRole},
		{account.NewUser{Username: "CARL", Password: "correct horse"}, account.ErrUsernameTaken},
		{account.NewUser{Username: "dora", Email: "CARL@example.org", Password: "correct horse"}, account.ErrEmailTaken},
		{account.NewUser{Username: "dora", Password: "secret"}, account.ErrInvalid},
		{account.NewUser{Username: "dora", Email: "dora", Password: "correct horse"}, account.ErrInvalid},
	} {
		if _, err := h.Create(t.Context(), row.user, by); !errors.Is(err, row.err) {
			t.Errorf("%+v: got %v, want %v", row.user, err, row.err)
		}
	}
	if n := h.users(t); n != 2 {
		t.Errorf("there are %d users, want 2", n)
	}
}

// act is one thing that an administrator does to a user.
type act struct {
	name  string
	do    func(h *house, id account.ID, by account.Actor) (account.User, error)
	event audit.Type
	ends  string // the reason for which all sessions end, or ""
}

var acts = []act{
	{"roles", func(h *house, id account.ID, by account.Actor) (account.User, error) {
		return h.SetRoles(context.Background(), id, []string{"user", "moderator", "user"}, by)
	}, audit.UserRolesChanged, ""},
	{"block", func(h *house, id account.ID, by account.Actor) (account.User, error) {
		return h.Block(context.Background(), id, "spam", by)
	}, audit.UserBlocked, account.ReasonBlocked},
	{"unblock", func(h *house, id account.ID, by account.Actor) (account.User, error) {
		return h.Unblock(context.Background(), id, by)
	}, audit.UserUnblocked, ""},
	{"password", func(h *house, id account.ID, by account.Actor) (account.User, error) {
		return h.SetPassword(context.Background(), id, "better battery", by)
	}, audit.UserPasswordChanged, account.ReasonPasswordChanged},
}

// Whatever an administrator does to a user makes their access tokens stale, is
// announced at once, and stands in the trail with the administrator's name.
func TestAnAdministratorsActsTakeEffectAndAreRecorded(t *testing.T) {
	t.Parallel()
	for _, act := range acts {
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			_, by := h.admin(t)
			anna := h.signUp(t, "anna", "correct horse")
			h.secret("better battery")
			h.clock.advance(time.Minute)
			after, err := act.do(h, anna.ID, by)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := h.Find(t.Context(), anna.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kept, after); diff != "" {
				t.Errorf("(-kept +returned):\n%s", diff)
			}
			if diff := cmp.Diff([]account.EpochChange{{User: anna.ID, Epoch: 2, At: h.clock.now()}}, h.epochs.told); diff != "" {
				t.Errorf("what followers were told (-want +got):\n%s", diff)
			}
			var ends []ending
			if act.ends != "" {
				ends = []ending{{anna.ID, "", act.ends, by.By}}
			}
			if diff := cmp.Diff(ends, h.ended.calls); diff != "" {
				t.Errorf("the sessions that ended (-want +got):\n%s", diff)
			}
			event := h.last(t, act.event)
			if event.User != anna.ID.String() || event.Actor != by.By || event.IP != office.IP || event.UserAgent != office.UserAgent {
				t.Errorf("the event is %+v", event)
			}
		})
	}
}

func TestActsOnNobodyAreNotFound(t *testing.T) {
	t.Parallel()
	for _, act := range acts {
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			_, by := h.admin(t)
			if _, err := act.do(h, account.ID{1}, by); !errors.Is(err, account.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
			if len(h.ended.calls) != 0 || len(h.epochs.told) != 0 || len(h.events(t)) != 1 {
				t.Errorf("ended %v, told %v, recorded %v", h.ended.calls, h.epochs.told, h.events(t))
			}
		})
	}
}

// If sessions cannot be ended the administrator is told, and what made them
// worthless stands.
func TestAFailureToEndSessionsIsToldButUndoesNothing(t *testing.T) {
	t.Parallel()
	for _, act := range acts {
		if act.ends == "" {
			continue
		}
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			_, by := h.admin(t)
			anna := h.signUp(t, "anna", "correct horse")
			h.ended.err = errDisk
			if _, err := act.do(h, anna.ID, by); !errors.Is(err, errDisk) {
				t.Errorf("got %v, want the failure", err)
			}
			kept, err := h.Find(t.Context(), anna.ID)
			if err != nil || kept.Epoch != 2 || len(h.epochs.told) != 1 {
				t.Errorf("the epoch is %d, told %v (%v)", kept.Epoch, h.epochs.told, err)
			}
			h.last(t, act.event)
			h.ended.err = nil
			if _, err := act.do(h, anna.ID, by); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// The client that asked may be gone; what it asked for is done, whole.
func TestABlockIsFinishedEvenIfTheClientHangsUp(t *testing.T) {
	t.Parallel()
	var hangUp context.CancelFunc
	h := newHouse(t, func(c *account.Config) { c.Announce = func(account.EpochChange) { hangUp() } })
	anna := h.signUp(t, "anna", "correct horse")
	ctx, cancel := context.WithCancel(t.Context())
	hangUp = cancel
	if _, err := h.Block(ctx, anna.ID, "spam", account.Actor{By: account.ByCLI}); err != nil {
		t.Error(err)
	}
	if len(h.ended.calls) != 1 {
		t.Errorf("ended %v", h.ended.calls)
	}
	h.last(t, audit.UserBlocked)
}

func TestAdministratorsCannotLockThemselvesOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admin, by := h.admin(t)
	if _, err := h.Block(t.Context(), admin.ID, "oops", by); !errors.Is(err, account.ErrSelf) {
		t.Errorf("blocking oneself: %v", err)
	}
	if _, err := h.SetRoles(t.Context(), admin.ID, []string{"user"}, by); !errors.Is(err, account.ErrSelf) {
		t.Errorf("demoting oneself: %v", err)
	}
	if _, err := h.SetRoles(t.Context(), admin.ID, []string{"admin", "moderator"}, by); err != nil {
		t.Errorf("another role for oneself: %v", err)
	}
	anna := h.signUp(t, "anna", "correct horse")
	if _, err := h.SetRoles(t.Context(), anna.ID, nil, account.Actor{By: anna.ID.String()}); err != nil {
		t.Errorf("who is no administrator has nothing to lose: %v", err)
	}
	h.makeAdmin(t, 2)
	cli := account.Actor{By: account.ByCLI}
	if _, err := h.Block(t.Context(), admin.ID, "left the company", cli); err != nil {
		t.Errorf("from the command line: %v", err)
	}
}

func TestABlockedUserIsLetInAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, by := h.admin(t)
	anna := h.signUp(t, "anna", "correct horse")
	long := strings.Repeat("spam, ", 100)
	blocked, err := h.Block(t.Context(), anna.ID, long, by)
	if err != nil || !blocked.Blocked() || blocked.Block.By != by.By || blocked.Block.Reason != long[:256] {
		t.Errorf("blocked: %+v (%v)", blocked.Block, err)
	}
	all, out, err := h.Count(t.Context())
	if all != 2 || out != 1 || err != nil {
		t.Errorf("%d users, %d blocked (%v)", all, out, err)
	}
	if _, err := h.Unblock(t.Context(), anna.ID, by); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownRoleChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, by := h.admin(t)
	anna := h.signUp(t, "anna", "correct horse")
	_, err := h.SetRoles(t.Context(), anna.ID, []string{"user", strings.Repeat("k", 1000)}, by)
	role, ok := errors.AsType[*account.RoleError](err)
	if !ok || !errors.Is(err, account.ErrUnknownRole) || role.Role != strings.Repeat("k", 64) {
		t.Errorf("got %v", err)
	}
	kept, err := h.Find(t.Context(), anna.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(anna, kept); diff != "" {
		t.Errorf("the user changed:\n%s", diff)
	}
}

func TestAPasswordThatAnAdministratorSetsIsJudgedToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, by := h.admin(t)
	anna := h.signUp(t, "anna", "correct horse")
	for _, weak := range []string{"", "short", "password123", "anna@example.org"} {
		if _, err := h.SetPassword(t.Context(), anna.ID, weak, by); !errors.Is(err, account.ErrInvalid) {
			t.Errorf("%q: %v", weak, err)
		}
	}
}

func TestUsersAreFoundByWhateverNamesThem(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "Anna", "correct horse")
	for _, who := range []string{"anna", "ANNA", "anna@EXAMPLE.org", anna.ID.String(), strings.ToUpper(anna.ID.String())} {
		got, err := h.Lookup(t.Context(), who)
		if err != nil {
			t.Errorf("%q: %v", who, err)
		}
		if diff := cmp.Diff(anna, got); diff != "" {
			t.Errorf("%q:\n%s", who, diff)
		}
	}
	for _, who := range []string{"", "ben", "ben@example.org", account.ID{1}.String(), "two words"} {
		if _, err := h.Lookup(t.Context(), who); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%q: %v", who, err)
		}
	}
}

func TestASearchIsAsAPersonTypesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"anna", "annika", "ben"} {
		h.signUp(t, name, "correct horse")
		h.clock.advance(time.Second)
	}
	for _, row := range []struct {
		search string
		want   []string
	}{
		{"", []string{"ben", "annika", "anna"}},
		{"ann", []string{"annika", "anna"}},
		{"ANN", []string{"annika", "anna"}},
		{"Annika@ex", []string{"annika"}},
		{"two words", nil},
	} {
		users, err := h.List(t.Context(), account.Query{Search: row.search})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range users {
			got = append(got, u.Username)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", row.search, diff)
		}
	}
}

func TestAServiceNeedsItsStoresAndProperRoles(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	whole := account.Config{Store: h.stores.Users, Sessions: h.ended, Events: h.stores.Events}
	if _, err := account.New(whole); err != nil {
		t.Errorf("the least there must be: %v", err)
	}
	for name, change := range map[string]func(*account.Config){
		"no store":    func(c *account.Config) { c.Store = nil },
		"no sessions": func(c *account.Config) { c.Sessions = nil },
		"no events":   func(c *account.Config) { c.Events = nil },
		"empty role":  func(c *account.Config) { c.Roles = []string{""} },
		"upper case":  func(c *account.Config) { c.Roles = []string{"Press"} },
		"a space":     func(c *account.Config) { c.Roles = []string{"press agent"} },
		"a long role": func(c *account.Config) { c.Roles = []string{strings.Repeat("r", 33)} },
	} {
		c := whole
		change(&c)
		if _, err := account.New(c); err == nil {
			t.Errorf("%s: a service was made", name)
		}
	}
}
