package account_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
)

func (h *house) offerSetup(t *testing.T) string {
	t.Helper()
	code, _, err := h.OfferSetup()
	if err != nil || !strings.HasPrefix(code, account.SetupPrefix) || len(code) != 28 {
		t.Fatalf("%d characters: %v", len(code), err)
	}
	return h.secret(code)
}

func root(n int) account.NewUser {
	return account.NewUser{Username: fmt.Sprintf("root%d", n), Email: fmt.Sprintf("root%d@example.org", n), Password: "correct horse"}
}

func TestTheFirstAdministratorIsMadeWithASetupCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.SignupOpen = false })
	code := h.offerSetup(t)
	weak := root(1)
	weak.Password = "short"
	if _, err := h.SetUp(t.Context(), code, weak, home); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("a weak password: %v", err)
	}
	user, err := h.SetUp(t.Context(), code, root(1), home)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"admin", "user"}, user.Roles); diff != "" {
		t.Error(diff)
	}
	if e := h.last(t, audit.UserCreated); e.User != user.ID.String() || e.IP != home.IP || e.Detail["by"] != "setup_code" {
		t.Errorf("event %+v", e)
	}
	if _, err := h.SetUp(t.Context(), code, root(2), home); !errors.Is(err, account.ErrSetupCode) {
		t.Errorf("used again: %v", err)
	}
}

func TestOfManyWhoUseOneSetupCodeOneBecomesAdministrator(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	code := h.offerSetup(t)
	outcomes := make([]error, 8)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Go(func() { _, outcomes[i] = h.SetUp(t.Context(), code, root(i), home) })
	}
	all.Wait()
	winners := 0
	for _, err := range outcomes {
		if err == nil {
			winners++
		} else if !errors.Is(err, account.ErrSetupCode) {
			t.Error(err)
		}
	}
	if n := h.users(t); winners != 1 || n != 1 {
		t.Errorf("%d succeeded, %d users", winners, n)
	}
}

func TestWhenASetupCodeIsNoLongerGood(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*testing.T, *house){
		"another code":    func(t *testing.T, h *house) { h.offerSetup(t) },
		"an hour":         func(_ *testing.T, h *house) { h.clock.advance(time.Hour) },
		"an adminstrator": func(t *testing.T, h *house) { h.admin(t) },
		"a blocked one": func(t *testing.T, h *house) {
			first, by := h.admin(t)
			other := root(9)
			other.Roles = []string{"admin"}
			second, err := h.Create(t.Context(), other, by)
			_, blocked := h.Block(t.Context(), first.ID, "", account.Actor{By: second.ID.String()})
			if err != nil || blocked != nil {
				t.Fatal(err, blocked)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			code := h.offerSetup(t)
			do(t, h)
			if _, err := h.SetUp(t.Context(), code, root(1), home); !errors.Is(err, account.ErrSetupCode) {
				t.Errorf("got %v", err)
			}
		})
	}
	h := newHouse(t)
	for _, none := range []string{"", "wws_", account.SetupPrefix + strings.Repeat("A", 24)} {
		if _, err := h.SetUp(t.Context(), none, root(1), home); !errors.Is(err, account.ErrSetupCode) {
			t.Errorf("%q, where none was offered: %v", none, err)
		}
	}
}

func TestAUserWhoIsThereDoesNotEndTheOffer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	code := h.offerSetup(t)
	h.signUp(t, "anna", "correct horse")
	if _, err := h.SetUp(t.Context(), code, root(1), home); err != nil {
		t.Error(err)
	}
}
