package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

func TestAUserChangesTheirPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	h.clock.advance(time.Minute)
	change := account.PasswordChange{Current: "correct horse", New: h.secret("better battery"), Keep: "this session"}
	changed, err := h.ChangePassword(t.Context(), anna.ID, change, home)
	if err != nil {
		t.Fatal(err)
	}
	if changed.Epoch != 2 || !changed.EpochAt.Equal(h.clock.now()) {
		t.Errorf("the epoch is %d of %v: older access tokens are not stale", changed.Epoch, changed.EpochAt)
	}
	if diff := cmp.Diff([]account.EpochChange{{User: anna.ID, Epoch: 2, At: h.clock.now()}}, h.epochs.told); diff != "" {
		t.Errorf("what followers were told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]ending{{anna.ID, "this session", "password_changed", anna.ID.String()}}, h.ended.calls); diff != "" {
		t.Errorf("the sessions that ended (-want +got):\n%s", diff)
	}
	if event := h.last(t, audit.UserPasswordChanged); event.User != anna.ID.String() || event.Actor != anna.ID.String() || event.IP != home.IP {
		t.Errorf("the event is %+v", event)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "better battery", home); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestPasswordChangesThatAreRefusedChangeNothing(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change account.PasswordChange
		err    error
	}{
		{"wrong password", account.PasswordChange{Current: "incorrect horse", New: "better battery"}, account.ErrPasswordWrong},
		{"no password", account.PasswordChange{New: "better battery"}, account.ErrPasswordWrong},
		{"short password", account.PasswordChange{Current: "correct horse", New: "better"}, account.ErrInvalid},
		{"own name", account.PasswordChange{Current: "correct horse", New: "ANNA@example.org"}, account.ErrInvalid},
		{"same password", account.PasswordChange{Current: "correct horse", New: "correct horse"}, account.ErrInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			anna := h.signUp(t, "anna", "correct horse")
			user, err := h.ChangePassword(t.Context(), anna.ID, row.change, home)
			if !errors.Is(err, row.err) {
				t.Errorf("got %v, want %v", err, row.err)
			}
			if diff := cmp.Diff(account.User{}, user); diff != "" {
				t.Errorf("a user came with the error: %s", diff)
			}
			kept, err := h.Find(t.Context(), anna.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(anna, kept); diff != "" {
				t.Errorf("the user changed (-before +after):\n%s", diff)
			}
			if len(h.ended.calls) != 0 || len(h.epochs.told) != 0 {
				t.Errorf("ended %v, told %v", h.ended.calls, h.epochs.told)
			}
		})
	}
}

func TestWhoHasAUsersAccessTokenCannotGuessTheirPasswordForLong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	change := func(current string) error {
		_, err := h.ChangePassword(t.Context(), anna.ID, account.PasswordChange{Current: current, New: h.secret("better battery")}, home)
		return err
	}
	for range 10 {
		if err := change("a wrong guess"); !errors.Is(err, account.ErrPasswordWrong) {
			t.Fatal(err)
		}
	}
	if err := change("correct horse"); !errors.Is(err, account.ErrThrottled) {
		t.Errorf("the eleventh got %v", err)
	}
	if event := h.last(t, audit.UserThrottled); event.User != anna.ID.String() {
		t.Errorf("the event is %+v", event)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); err != nil {
		t.Errorf("the user cannot sign in meanwhile: %v", err)
	}
	h.clock.advance(30 * time.Second)
	if err := change("correct horse"); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
}

func TestABlockedUserCannotChangeTheirPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := h.signUp(t, "anna", "correct horse")
	if _, err := h.Block(t.Context(), anna.ID, "", account.Actor{By: account.ByCLI}); err != nil {
		t.Fatal(err)
	}
	_, err := h.ChangePassword(t.Context(), anna.ID, account.PasswordChange{Current: "correct horse", New: "better battery"}, home)
	if !errors.Is(err, account.ErrBlocked) {
		t.Errorf("got %v", err)
	}
}
