package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
)

func hashIsReplaced(t *testing.T, s account.Store) {
	u := someone(0, "anna")
	u.PasswordHash = "weak"
	add(t, s, u)
	replace := func(old, new string, want bool) {
		t.Helper()
		if did, err := s.ReplaceHash(t.Context(), u.ID, old, new); did != want || err != nil {
			t.Errorf("ReplaceHash(%q, %q) = %v, %v; want %v", old, new, did, err, want)
		}
	}
	replace("Weak", "strong", false)
	replace("weak", "strong", true)
	replace("weak", "other", false)
	replace("strong", "strong", true) // the hash is old, so it is replaced: by itself
	u.PasswordHash = "strong"
	got, err := s.Find(t.Context(), u.ID)
	ok(t, "find", err)
	same(t, "the user, with the same epoch", got, u)

	winners := 0
	for _, did := range together(20, func(i int) bool {
		did, err := s.ReplaceHash(t.Context(), u.ID, "strong", fmt.Sprintf("stronger %d", i))
		return did && err == nil
	}) {
		if did {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d of 20 replaced one hash", winners)
	}
}

func changesRaiseTheEpoch(t *testing.T, s account.Store) {
	want, other := someone(0, "anna"), someone(1, "berta")
	add(t, s, want, other)
	later := start
	for _, step := range []struct {
		what   string
		change func() (account.User, error)
		want   func(*account.User)
	}{
		{"a new password",
			func() (account.User, error) { return s.SetPassword(t.Context(), want.ID, "new", later) },
			func(u *account.User) { u.PasswordHash = "new" }},
		{"new roles",
			func() (account.User, error) { return s.SetRoles(t.Context(), want.ID, []string{"x", "y", "z"}, later) },
			func(u *account.User) { u.Roles = []string{"x", "y", "z"} }},
		{"no roles",
			func() (account.User, error) { return s.SetRoles(t.Context(), want.ID, nil, later) },
			func(u *account.User) { u.Roles = nil }},
		{"a block",
			func() (account.User, error) {
				return s.SetBlock(t.Context(), want.ID, account.Block{At: later, Reason: "spam", By: other.ID.String()})
			},
			func(u *account.User) { u.Block = account.Block{At: later, Reason: "spam", By: other.ID.String()} }},
		{"another block",
			func() (account.User, error) {
				return s.SetBlock(t.Context(), want.ID, account.Block{At: later, By: "cli"})
			},
			func(u *account.User) { u.Block = account.Block{At: later, By: "cli"} }},
		{"no block",
			func() (account.User, error) { return s.ClearBlock(t.Context(), want.ID, later) },
			func(u *account.User) { u.Block = account.Block{} }},
		{"no block again",
			func() (account.User, error) { return s.ClearBlock(t.Context(), want.ID, later) },
			func(u *account.User) {}},
	} {
		later = later.Add(time.Second)
		step.want(&want)
		want.Epoch++
		want.EpochAt = later
		got, err := step.change()
		ok(t, step.what, err)
		same(t, "the answer to "+step.what, got, want)
		got, err = s.Find(t.Context(), want.ID)
		ok(t, "find", err)
		same(t, "the user after "+step.what, got, want)
	}
	got, err := s.Find(t.Context(), other.ID)
	ok(t, "find", err)
	same(t, "the other user", got, other)
}

func passwordIsSetAtItsEpoch(t *testing.T, s account.Store) {
	u, other := someone(0, "anna"), someone(1, "berta")
	add(t, s, u, other)
	later := after(time.Minute)
	for _, epoch := range []uint64{u.Epoch - 1, u.Epoch + 1} {
		if got, did, err := s.SetPasswordIf(t.Context(), u.ID, epoch, "new", later); did || err != nil || got.ID != (account.ID{}) {
			t.Errorf("at epoch %d of %d: %v, %v, %v", epoch, u.Epoch, got, did, err)
		}
	}
	if _, did, err := s.SetPasswordIf(t.Context(), someone(2, "nobody").ID, 1, "new", later); did || err != nil {
		t.Errorf("of nobody: %v, %v", did, err)
	}
	got, err := s.Find(t.Context(), u.ID)
	ok(t, "find", err)
	same(t, "the user, as before", got, u)

	winners := 0
	for _, did := range together(20, func(i int) bool {
		_, did, err := s.SetPasswordIf(t.Context(), u.ID, u.Epoch, "new", later)
		if err != nil {
			t.Errorf("set: %v", err)
		}
		return did
	}) {
		if did {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d of 20 set the password at one epoch", winners)
	}
	before := u.Epoch
	u.PasswordHash, u.Epoch, u.EpochAt = "new", before+1, later
	got, err = s.Find(t.Context(), u.ID)
	ok(t, "find", err)
	same(t, "the user afterwards", got, u)
	u.PasswordHash, u.Epoch = "newer", before+2
	got, did, err := s.SetPasswordIf(t.Context(), u.ID, before+1, "newer", later)
	if !did || err != nil {
		t.Errorf("at the next epoch: %v, %v", did, err)
	}
	same(t, "the answer", got, u)
	got, err = s.Find(t.Context(), other.ID)
	ok(t, "find", err)
	same(t, "the other user", got, other)
}

func changesAreAtomic(t *testing.T, s account.Store) {
	u := someone(0, "anna")
	add(t, s, u)
	const n = 40
	seen := map[uint64]int{}
	for _, epoch := range together(n, func(i int) uint64 {
		var changed account.User
		var err error
		switch i % 4 {
		case 0:
			changed, err = s.SetPassword(t.Context(), u.ID, "new", start)
		case 1:
			changed, err = s.SetRoles(t.Context(), u.ID, []string{"x"}, start)
		case 2:
			changed, err = s.SetBlock(t.Context(), u.ID, account.Block{At: start})
		case 3:
			changed, err = s.ClearBlock(t.Context(), u.ID, start)
		}
		if err != nil {
			t.Errorf("change: %v", err)
		}
		return changed.Epoch
	}) {
		seen[epoch]++
	}
	for epoch := uint64(2); epoch <= n+1; epoch++ {
		if seen[epoch] != 1 {
			t.Errorf("epoch %d was given to %d of %d changes", epoch, seen[epoch], n)
		}
	}
}

func epochsAreTold(t *testing.T, s account.Store) {
	anna, berta := someone(0, "anna"), someone(1, "berta")
	add(t, s, anna, berta)
	moment := after(time.Hour)
	ok(t, "change", second(s.SetRoles(t.Context(), anna.ID, nil, moment)))
	anna.Epoch, anna.EpochAt = 2, moment

	change := func(u account.User) account.EpochChange {
		return account.EpochChange{User: u.ID, Epoch: u.Epoch, At: u.EpochAt}
	}
	for what, row := range map[string]struct {
		at   time.Time
		want []account.EpochChange
	}{
		"the very microsecond":  {moment, []account.EpochChange{change(anna)}},
		"within it":             {moment.Add(999), []account.EpochChange{change(anna)}},
		"a microsecond later":   {moment.Add(time.Microsecond), nil},
		"a microsecond earlier": {moment.Add(-time.Microsecond), []account.EpochChange{change(anna)}},
		"from the beginning":    {time.Time{}, []account.EpochChange{change(anna), change(berta)}},
	} {
		got, err := s.EpochsSince(t.Context(), row.at)
		ok(t, what, err)
		found := map[account.ID]account.EpochChange{}
		for _, c := range got {
			found[c.User] = c
			utc(t, c.At)
		}
		want := map[account.ID]account.EpochChange{}
		for _, c := range row.want {
			want[c.User] = c
		}
		same(t, what, found, want)
		if len(got) != len(want) {
			t.Errorf("%s: %d changes, want %d", what, len(got), len(want))
		}
	}
}
