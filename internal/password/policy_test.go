package password_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/internal/password"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	names := []string{"Wilhelmina", "wilhelmina@example.org", "", "Ωmega-Three"}
	for _, row := range []struct {
		password, code string // "": it may be chosen
	}{
		{"correct horse", ""},
		{"zwölf-öä", ""},
		{strings.Repeat("é", 64) + strings.Repeat("è", 64), ""},
		{"🐎🔋📎✅🐎🔋📎✅", ""},
		{"1234567", "too_short"},
		{"éééééé1", "too_short"},
		{"", "too_short"},
		{strings.Repeat("é", 64) + strings.Repeat("è", 65), "too_long"},
		{"password", "common"},
		{"PassWord", "common"},
		{"12345678", "common"},
		{"qwertyuiop", "common"},
		{"iloveyou1", "common"},
		{"zzzzzzzzzzzzz", "common"},
		{"éééééééééé", "common"},
		{"wilhelmina", "same_as_name"},
		{"WILHELMINA@example.ORG", "same_as_name"},
		{"ωMEGA-three", "same_as_name"},
		{"wilhelmina1", ""},
	} {
		err := password.Judge(row.password, names...)
		weakness, weak := errors.AsType[*password.Weakness](err)
		switch {
		case row.code == "" && err != nil:
			t.Errorf("%q is refused: %v", row.password, err)
		case row.code != "" && (!weak || weakness.Code != row.code):
			t.Errorf("%q gave %v, want %s", row.password, err, row.code)
		}
	}
}

func TestAShortPasswordIsToldWhy(t *testing.T) {
	t.Parallel()
	err := password.Judge("secret")
	want := "The password has 6 characters; it needs at least 8, because shorter ones are found by trying them all."
	if err == nil || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
