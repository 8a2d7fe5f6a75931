package recovery_test

import (
	"fmt"
	"testing"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/recovery"
)

// Of many who have the role one who can sign in is enough, and found wherever they stand.
func TestOneAdministratorWhoCanSignInIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := w.beneath.Users
	want := func(what string, able bool, barred int) {
		t.Helper()
		a, err := recovery.Administrators(t.Context(), users)
		if err != nil || a.Able != able || len(a.Barred) != barred {
			t.Errorf("%s: able %t, %d barred, %v; want %t, %d", what, a.Able, len(a.Barred), err, able, barred)
		}
	}
	administrator := func(name string) account.ID {
		t.Helper()
		id := w.user(name)
		_, err := users.SetRoles(t.Context(), id, []string{account.RoleAdmin}, w.now)
		w.must(err)
		return id
	}
	want("no users", false, 0)
	w.user("ada")
	want("no administrator", false, 0)
	first := administrator("first")
	want("one", true, 0)
	const many = 501 // more than are read at once
	for i := range many {
		id := administrator(fmt.Sprint("blocked-", i))
		_, err := users.SetBlock(t.Context(), id, account.Block{At: w.now, By: "cli"})
		w.must(err)
	}
	want("the oldest of many", true, 0)
	_, err := users.SetPassword(t.Context(), first, "", w.now)
	w.must(err)
	want("without a password", false, many+1)
	_, err = users.SetPassword(t.Context(), first, "new", w.now)
	w.must(err)
	want("with another", true, 0)
	_, err = users.SetRoles(t.Context(), first, []string{account.RoleUser}, w.now)
	w.must(err)
	want("without the role", false, many)
}
