package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
)

// Users tests an account.Store.
func Users(t *testing.T, open func(t testing.TB) account.Store) {
	each(t, open, map[string]func(*testing.T, account.Store){
		"an added user is found as it was":                    userIsFound,
		"an unknown user is not found":                        userIsUnknown,
		"names are compared byte by byte":                     namesAreBytes,
		"a name is taken once":                                nameIsTakenOnce,
		"of many who want one name one gets it":               nameHasOneWinner,
		"users without an address do not clash":               noAddressIsNoName,
		"what went in and came out is a copy":                 usersAreCopies,
		"users are listed newest first, page by page":         usersArePaged,
		"users are searched":                                  usersAreSearched,
		"a page has a bounded size":                           userPagesAreBounded,
		"users are counted":                                   usersAreCounted,
		"a hash is replaced only if it is still the old":      hashIsReplaced,
		"a password is set only at the epoch it is meant for": passwordIsSetAtItsEpoch,
		"a change raises the epoch":                           changesRaiseTheEpoch,
		"concurrent changes each raise the epoch":             changesAreAtomic,
		"raised epochs are told, from the very microsecond":   epochsAreTold,
		"an ended context ends the verb":                      userVerbsHonourTheContext,
	})
}

// someone is a user made n milliseconds into the story.
func someone(n int, username string) account.User {
	made := after(time.Duration(n) * time.Millisecond)
	return account.User{
		ID:           uuidAt(made),
		Username:     "As Written: " + username,
		UsernameKey:  username,
		Email:        "As.Written." + username + "@example.org",
		EmailKey:     username + "@example.org",
		PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
		Roles:        []string{account.RoleAdmin, account.RoleUser},
		Epoch:        1,
		EpochAt:      made,
		CreatedAt:    made,
	}
}

func add(t testing.TB, s account.Store, users ...account.User) {
	t.Helper()
	for _, u := range users {
		ok(t, "add "+u.UsernameKey, s.Add(t.Context(), u))
	}
}

func userIsFound(t *testing.T, s account.Store) {
	want := someone(0, "anna")
	want.Block = account.Block{At: after(time.Hour), Reason: "spam", By: "cli"}
	want.Epoch = 7
	want.EpochAt = after(time.Microsecond)
	add(t, s, want, someone(1, "berta"))

	for how, find := range map[string]func() (account.User, error){
		"by id":       func() (account.User, error) { return s.Find(t.Context(), want.ID) },
		"by username": func() (account.User, error) { return s.FindByUsername(t.Context(), "anna") },
		"by email":    func() (account.User, error) { return s.FindByEmail(t.Context(), "anna@example.org") },
	} {
		got, err := find()
		ok(t, how, err)
		same(t, how, got, want)
		utc(t, got.CreatedAt, got.EpochAt, got.Block.At)
	}

	plain := someone(2, "clara")
	plain.Roles, plain.PasswordHash = nil, ""
	add(t, s, plain)
	got, err := s.Find(t.Context(), plain.ID)
	ok(t, "find", err)
	same(t, "a user without roles, password and block", got, plain)
	if got.Blocked() || !got.Block.At.IsZero() {
		t.Errorf("nobody blocked %+v", got.Block)
	}
}

func userIsUnknown(t *testing.T, s account.Store) {
	add(t, s, someone(0, "anna"))
	stranger := uuidAt(start)
	for verb, err := range map[string]error{
		"Find":           second(s.Find(t.Context(), stranger)),
		"FindByUsername": second(s.FindByUsername(t.Context(), "anna@example.org")),
		"FindByEmail":    second(s.FindByEmail(t.Context(), "anna")),
		"no address":     second(s.FindByEmail(t.Context(), "")),
		"SetPassword":    second(s.SetPassword(t.Context(), stranger, "x", start)),
		"SetRoles":       second(s.SetRoles(t.Context(), stranger, nil, start)),
		"SetBlock":       second(s.SetBlock(t.Context(), stranger, account.Block{At: start})),
		"ClearBlock":     second(s.ClearBlock(t.Context(), stranger, start)),
	} {
		if !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%s = %v, want %v", verb, err, account.ErrNotFound)
		}
	}
	if did, err := s.ReplaceHash(t.Context(), stranger, "", "x"); did || err != nil {
		t.Errorf("ReplaceHash = %v, %v; want false", did, err)
	}
}

func namesAreBytes(t *testing.T, s account.Store) {
	made := map[string]account.User{}
	for i, name := range awkward {
		u := someone(i, name)
		u.Roles = []string{name}
		u.PasswordHash, u.Username, u.Email = name, name, name
		u.Block = account.Block{At: start, Reason: name, By: name}
		add(t, s, u)
		made[name] = u
	}
	for name, want := range made {
		got, err := s.FindByUsername(t.Context(), name)
		ok(t, fmt.Sprintf("find %q", name), err)
		same(t, fmt.Sprintf("the user named %q", name), got, want)
		got, err = s.FindByEmail(t.Context(), name+"@example.org")
		ok(t, fmt.Sprintf("find %q by email", name), err)
		same(t, fmt.Sprintf("the user with the address %q", name), got, want)

		holders, err := s.List(t.Context(), account.Query{Role: name})
		ok(t, "list", err)
		same(t, fmt.Sprintf("who has the role %q", name), holders, []account.User{want})
	}
}

func nameIsTakenOnce(t *testing.T, s account.Store) {
	add(t, s, someone(0, "anna"), someone(1, "berta"))
	for what, row := range map[string]struct {
		username, email string
		want            error
	}{
		"the username":              {"anna", "new@example.org", account.ErrUsernameTaken},
		"the address":               {"new", "anna@example.org", account.ErrEmailTaken},
		"both, of one user":         {"anna", "anna@example.org", account.ErrUsernameTaken},
		"both, of two":              {"anna", "berta@example.org", account.ErrUsernameTaken},
		"an address as a username":  {"anna@example.org", "third@example.org", nil},
		"a username as the address": {"fourth", "anna", nil},
	} {
		u := someone(2, "someone")
		u.UsernameKey, u.EmailKey = row.username, row.email
		if err := s.Add(t.Context(), u); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", what, err, row.want)
		}
		if _, err := s.Find(t.Context(), u.ID); (err == nil) != (row.want == nil) {
			t.Errorf("%s: afterwards Find = %v", what, err)
		}
	}

	anna, err := s.FindByUsername(t.Context(), "anna")
	ok(t, "find", err)
	twin := someone(3, "twin")
	twin.ID = anna.ID
	if err := s.Add(t.Context(), twin); err == nil {
		t.Error("two users have one id")
	}
	got, err := s.Find(t.Context(), anna.ID)
	ok(t, "find", err)
	same(t, "the user whose id was asked for again", got, anna)
}

func nameHasOneWinner(t *testing.T, s account.Store) {
	for what, row := range map[string]struct {
		user func(i int) account.User
		want error
	}{
		"username": {func(i int) account.User {
			u := someone(i, "anna")
			u.EmailKey = fmt.Sprintf("%d@example.org", i)
			return u
		}, account.ErrUsernameTaken},
		"address": {func(i int) account.User {
			u := someone(i, fmt.Sprintf("user %d", i))
			u.EmailKey = "one@example.org"
			return u
		}, account.ErrEmailTaken},
		"both": {func(i int) account.User { return someone(i, "berta") }, account.ErrUsernameTaken},
	} {
		winners := 0
		for _, err := range together(20, func(i int) error { return s.Add(t.Context(), row.user(i)) }) {
			switch {
			case err == nil:
				winners++
			case !errors.Is(err, row.want):
				t.Errorf("one %s: %v, want %v", what, err, row.want)
			}
		}
		if winners != 1 {
			t.Errorf("%d users got one %s", winners, what)
		}
	}
}

func noAddressIsNoName(t *testing.T, s account.Store) {
	for i, name := range []string{"anna", "berta"} {
		u := someone(i, name)
		u.Email, u.EmailKey = "", ""
		add(t, s, u)
		got, err := s.Find(t.Context(), u.ID)
		ok(t, "find", err)
		same(t, "the user", got, u)
	}
}

func usersAreCopies(t *testing.T, s account.Store) {
	u := someone(0, "anna")
	given := []string{"one", "two"}
	u.Roles = given
	add(t, s, u)
	given[0] = "changed after it went in"
	holds := func(what string, want ...string) {
		t.Helper()
		got, err := s.Find(t.Context(), u.ID)
		ok(t, "find", err)
		same(t, "the roles after "+what, got.Roles, want)
	}
	holds("Add", "one", "two")

	for how, get := range map[string]func() (account.User, error){
		"Find":           func() (account.User, error) { return s.Find(t.Context(), u.ID) },
		"FindByUsername": func() (account.User, error) { return s.FindByUsername(t.Context(), "anna") },
		"FindByEmail":    func() (account.User, error) { return s.FindByEmail(t.Context(), "anna@example.org") },
		"List": func() (account.User, error) {
			users, err := s.List(t.Context(), account.Query{})
			return users[0], err
		},
		"ClearBlock": func() (account.User, error) { return s.ClearBlock(t.Context(), u.ID, start) },
	} {
		got, err := get()
		ok(t, how, err)
		got.Roles[1] = "changed after it came out"
		holds(how, "one", "two")
	}

	given = []string{"three", "four"}
	got, err := s.SetRoles(t.Context(), u.ID, given, start)
	ok(t, "SetRoles", err)
	given[0], got.Roles[1] = "changed after it went in", "changed after it came out"
	holds("SetRoles", "three", "four")
}

func userVerbsHonourTheContext(t *testing.T, s account.Store) {
	ctx := cancelled(t)
	u := someone(0, "anna")
	for verb, err := range map[string]error{
		"Add":            s.Add(ctx, u),
		"Find":           second(s.Find(ctx, u.ID)),
		"FindByUsername": second(s.FindByUsername(ctx, "anna")),
		"FindByEmail":    second(s.FindByEmail(ctx, "anna")),
		"List":           second(s.List(ctx, account.Query{})),
		"Count":          third(s.Count(ctx)),
		"ReplaceHash":    second(s.ReplaceHash(ctx, u.ID, "", "")),
		"SetPassword":    second(s.SetPassword(ctx, u.ID, "", start)),
		"SetPasswordIf":  third(s.SetPasswordIf(ctx, u.ID, u.Epoch, "", start)),
		"SetRoles":       second(s.SetRoles(ctx, u.ID, nil, start)),
		"SetBlock":       second(s.SetBlock(ctx, u.ID, account.Block{})),
		"ClearBlock":     second(s.ClearBlock(ctx, u.ID, start)),
		"EpochsSince":    second(s.EpochsSince(ctx, start)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", verb, err, context.Canceled)
		}
	}
	if all, _, err := s.Count(t.Context()); all != 0 || err != nil {
		t.Errorf("afterwards Count = %d, %v", all, err)
	}
}

// second and third are the error of a call that returns values, too.
func second[A any](_ A, err error) error { return err }

func third[A, B any](_ A, _ B, err error) error { return err }
