package storetest

import (
	"fmt"
	"testing"

	"github.com/watchwordauth/watchword/account"
)

func usersArePaged(t *testing.T, s account.Store) {
	var want []account.User
	for i := range 7 {
		u := someone(i, fmt.Sprintf("user %d", i))
		want = append([]account.User{u}, want...)
	}
	for _, i := range []int{3, 0, 6, 1, 5, 2, 4} { // the order of adding means nothing
		add(t, s, want[i])
	}
	var got []account.User
	q := account.Query{Limit: 3}
	for range 10 {
		page, err := s.List(t.Context(), q)
		ok(t, "list", err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		q.Before = page[len(page)-1].ID
	}
	same(t, "all pages", got, want)
}

func usersAreSearched(t *testing.T, s account.Store) {
	anna, annabel, berta, percent := someone(0, "anna"), someone(1, "annabel"), someone(2, "berta"), someone(3, "100%_a")
	berta.EmailKey, berta.Roles = "annual@example.org", []string{account.RoleUser}
	annabel.Block = account.Block{At: start, By: "cli"}
	add(t, s, anna, annabel, berta, percent)
	yes, no := true, false
	for what, row := range map[string]struct {
		query account.Query
		want  []account.User
	}{
		"all":                       {account.Query{}, []account.User{percent, berta, annabel, anna}},
		"the beginning of a name":   {account.Query{Search: "annab"}, []account.User{annabel}},
		"or of an address":          {account.Query{Search: "ann"}, []account.User{berta, annabel, anna}},
		"not the middle":            {account.Query{Search: "nna"}, nil},
		"no case folding":           {account.Query{Search: "Ann"}, nil},
		"no patterns":               {account.Query{Search: "%"}, nil},
		"nor single ones":           {account.Query{Search: "ann_"}, nil},
		"a name with signs":         {account.Query{Search: "100%_"}, []account.User{percent}},
		"the last byte":             {account.Query{Search: "ann\xff"}, nil},
		"a role":                    {account.Query{Role: account.RoleAdmin}, []account.User{percent, annabel, anna}},
		"not the beginning of one":  {account.Query{Role: "adm"}, nil},
		"the blocked":               {account.Query{Blocked: &yes}, []account.User{annabel}},
		"the others":                {account.Query{Blocked: &no}, []account.User{percent, berta, anna}},
		"everything at once":        {account.Query{Search: "ann", Role: account.RoleAdmin, Blocked: &no, Before: annabel.ID, Limit: 1}, []account.User{anna}},
		"older than the oldest":     {account.Query{Before: anna.ID}, nil},
		"older than one in between": {account.Query{Before: berta.ID}, []account.User{annabel, anna}},
	} {
		got, err := s.List(t.Context(), row.query)
		ok(t, what, err)
		same(t, what, got, row.want)
	}
}

func userPagesAreBounded(t *testing.T, s account.Store) {
	const n = 1002
	for _, err := range together(n, func(i int) error { return s.Add(t.Context(), someone(i, fmt.Sprintf("user %d", i))) }) {
		ok(t, "add", err)
	}
	for limit, want := range map[int]int{0: 50, 1: 1, 1000: 1000, 1001: 1000, n: 1000} {
		got, err := s.List(t.Context(), account.Query{Limit: limit})
		ok(t, "list", err)
		if len(got) != want {
			t.Errorf("limit %d gave %d, want %d", limit, len(got), want)
		}
	}
}

func usersAreCounted(t *testing.T, s account.Store) {
	counts := func(wantAll, wantBlocked int) {
		t.Helper()
		all, blocked, err := s.Count(t.Context())
		ok(t, "count", err)
		if all != wantAll || blocked != wantBlocked {
			t.Errorf("Count = %d, %d; want %d, %d", all, blocked, wantAll, wantBlocked)
		}
	}
	counts(0, 0)
	anna := someone(0, "anna")
	add(t, s, anna, someone(1, "berta"))
	counts(2, 0)
	ok(t, "block", second(s.SetBlock(t.Context(), anna.ID, account.Block{At: start})))
	counts(2, 1)
	ok(t, "unblock", second(s.ClearBlock(t.Context(), anna.ID, start)))
	counts(2, 0)
}
