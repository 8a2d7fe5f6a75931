package account_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/throttle"
)

var (
	resetKey    = bytes.Repeat([]byte{7}, 32)
	resetKeyOld = bytes.Repeat([]byte{8}, 32)
)

func resetKeys(keys ...[]byte) func(*account.Config) {
	return func(c *account.Config) { c.ResetKeys = keys }
}

func (h *house) offer(t *testing.T, u account.User) string {
	t.Helper()
	code, _, err := h.OfferReset(t.Context(), u.ID, account.Actor{By: account.ByCLI})
	if err != nil {
		t.Fatal(err)
	}
	return h.secret(code)
}

func TestAResetCodeSetsAPasswordOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, resetKeys(resetKey))
	_, by := h.admin(t)
	anna := h.signUp(t, "anna", "correct horse")
	code, expires, err := h.OfferReset(t.Context(), anna.ID, by)
	if err != nil || !strings.HasPrefix(code, account.ResetPrefix) || len(code) != 64 || !expires.Equal(h.clock.now().Add(24*time.Hour)) {
		t.Fatalf("%d characters, %v, %v", len(h.secret(code)), expires, err)
	}
	if e := h.last(t, audit.UserResetOffered); e.User != anna.ID.String() || e.Actor != by.By || e.Detail["expires_at"] == "" {
		t.Errorf("event %+v", e)
	}

	// A password that cannot be leaves the code as it was.
	if _, err := h.ResetPassword(t.Context(), code, h.secret("anna@example.org"), home); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("a weak one: %v", err)
	}
	if _, err := h.ResetPassword(t.Context(), code, h.secret("another horse"), home); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "another horse", home); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	if _, err := h.Authenticate(t.Context(), "anna", "correct horse", home); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("with the old one: %v", err)
	}
	ended := h.ended.calls
	if len(ended) != 1 || ended[0] != (ending{anna.ID, "", account.ReasonPasswordChanged, anna.ID.String()}) {
		t.Errorf("ended %v", ended)
	}
	if e := h.last(t, audit.UserPasswordChanged); e.Actor != anna.ID.String() || e.Detail["by"] != "reset_code" || e.IP != home.IP {
		t.Errorf("event %+v", e)
	}

	if _, err := h.ResetPassword(t.Context(), code, h.secret("third horse!"), home); !errors.Is(err, account.ErrResetCode) {
		t.Errorf("used again: %v", err)
	}
	h.last(t, audit.UserResetFailed)
}

func TestWhatEndsAResetCode(t *testing.T) {
	t.Parallel()
	cli := account.Actor{By: account.ByCLI}
	for name, do := range map[string]func(*testing.T, *house, account.User) error{
		"time": func(_ *testing.T, h *house, _ account.User) error { h.clock.advance(24 * time.Hour); return nil },
		"a change of password": func(t *testing.T, h *house, u account.User) error {
			_, err := h.ChangePassword(t.Context(), u.ID, account.PasswordChange{Current: "correct horse", New: h.secret("third horse!")}, home)
			return err
		},
		"other roles": func(t *testing.T, h *house, u account.User) error {
			_, err := h.SetRoles(t.Context(), u.ID, []string{"moderator"}, cli)
			return err
		},
		"a block": func(t *testing.T, h *house, u account.User) error {
			_, err := h.Block(t.Context(), u.ID, "", cli)
			return err
		},
		"a block that was lifted": func(t *testing.T, h *house, u account.User) error {
			_, err := h.Block(t.Context(), u.ID, "", cli)
			_, more := h.Unblock(t.Context(), u.ID, cli)
			return errors.Join(err, more)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, resetKeys(resetKey))
			anna := h.signUp(t, "anna", "correct horse")
			code := h.offer(t, anna)
			h.clock.advance(24*time.Hour - time.Second)
			if err := do(t, h, anna); err != nil {
				t.Fatal(err)
			}
			if _, err := h.ResetPassword(t.Context(), code, h.secret("another horse"), home); !errors.Is(err, account.ErrResetCode) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOfManyWhoUseOneResetCodeOneSucceeds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, resetKeys(resetKey))
	code := h.offer(t, h.signUp(t, "anna", "correct horse"))
	passwords := []string{"horse number one", "horse number two", "horse number three", "horse number four"}
	outcomes := make([]error, len(passwords))
	var all sync.WaitGroup
	for i, p := range passwords {
		all.Go(func() { _, outcomes[i] = h.ResetPassword(t.Context(), code, p, home) })
	}
	all.Wait()
	winners := 0
	for i, err := range outcomes {
		_, in := h.Authenticate(t.Context(), "anna", passwords[i], home)
		switch {
		case err == nil && in == nil:
			winners++
		case !errors.Is(err, account.ErrResetCode) || in == nil:
			t.Errorf("%s: %v, then %v", passwords[i], err, in)
		}
	}
	if winners != 1 {
		t.Errorf("%d succeeded", winners)
	}
}

func TestResetCodesThatAreNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, resetKeys(resetKey))
	code := h.offer(t, h.signUp(t, "anna", "correct horse"))
	forged := newHouse(t, resetKeys(resetKeyOld))
	for name, text := range map[string]string{
		"nothing":          "",
		"the prefix":       account.ResetPrefix,
		"another prefix":   "wwr_" + code[4:],
		"one bit":          code[:40] + string(code[40]^1) + code[41:],
		"a line break":     code[:63] + "\n",
		"a line break too": code + "\n",
		"padding":          code + "=",
		"short":            code[:60],
		"another's key":    forged.offer(t, forged.signUp(t, "anna", "correct horse")),
		"long":             strings.Repeat(code, 1000),
	} {
		if _, err := h.ResetPassword(t.Context(), text, "another horse", account.Origin{IP: "192.0.2.9"}); !errors.Is(err, account.ErrResetCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range h.events(t) {
		if e.Type == audit.UserResetFailed {
			t.Error("what is no code of ours is nobody's failure")
		}
	}
}

func TestAChangeOfMasterSecretKeepsResetCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, resetKeys(resetKeyOld))
	code := h.offer(t, h.signUp(t, "anna", "correct horse"))
	later := newHouse(t, resetKeys(resetKey, resetKeyOld), func(c *account.Config) { c.Store = h.stores.Users })
	if _, err := later.ResetPassword(t.Context(), code, "another horse", home); err != nil {
		t.Error(err)
	}
}

func TestGuessingResetCodesIsThrottled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, resetKeys(resetKey), func(c *account.Config) {
		c.Limits.SignInAddress = throttle.Limit{Burst: 3, Every: time.Minute}
	})
	code := h.offer(t, h.signUp(t, "anna", "correct horse"))
	for range 3 {
		if _, err := h.ResetPassword(t.Context(), "wwp_nonsense", "another horse", home); !errors.Is(err, account.ErrResetCode) {
			t.Fatal(err)
		}
	}
	if _, err := h.ResetPassword(t.Context(), code, "another horse", home); !errors.Is(err, account.ErrThrottled) {
		t.Errorf("got %v", err)
	}
	if _, err := h.ResetPassword(t.Context(), code, "another horse", account.Origin{IP: "198.51.100.1"}); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

func TestForWhomNoResetCodeIsMade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, resetKeys(resetKey))
	anna := h.signUp(t, "anna", "correct horse")
	cli := account.Actor{By: account.ByCLI}
	if _, _, err := h.OfferReset(t.Context(), account.ID{1}, cli); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := h.Block(t.Context(), anna.ID, "", cli); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.OfferReset(t.Context(), anna.ID, cli); !errors.Is(err, account.ErrBlocked) {
		t.Errorf("who is blocked: %v", err)
	}
	keyless := newHouse(t)
	if _, _, err := keyless.OfferReset(t.Context(), anna.ID, cli); !errors.Is(err, account.ErrNoResetKeys) {
		t.Errorf("without keys: %v", err)
	}
	if _, err := keyless.ResetPassword(t.Context(), "wwp_"+strings.Repeat("A", 60), "another horse", home); !errors.Is(err, account.ErrResetCode) {
		t.Errorf("without keys: %v", err)
	}
	if _, err := account.New(account.Config{Store: h.stores.Users, Sessions: h.ended, Events: h.stores.Events, ResetKeys: [][]byte{{1}}}); err == nil {
		t.Error("a short key was taken")
	}
}
