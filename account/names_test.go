package account_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/watchwordauth/watchword/account"
)

func TestUsernamesThatLookAlikeAreOneName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ username, key string }{
		{"anna", "anna"},
		{"Anna", "anna"},
		{"ＡＮＮＡ", "anna"},
		{"zoe\u0308", "zo\u00eb"},
		{"ZO\u00cb", "zo\u00eb"},
		{"Ωmega", "ωmega"},
		{"太郎さん", "太郎さん"},
		{"a.b-c_d+e", "a.b-c_d+e"},
		{"Straße", "straße"},
		{strings.Repeat("é", 64), strings.Repeat("é", 64)},
	} {
		if got, err := account.UsernameKey(row.username); got != row.key || err != nil {
			t.Errorf("UsernameKey(%q) = %q, %v; want %q", row.username, got, err, row.key)
		}
	}
}

func TestEmailAddressesAreComparedInLowerCase(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ email, key string }{
		{"anna@example.org", "anna@example.org"},
		{"Anna.Bell+news@Mail.Example.ORG", "anna.bell+news@mail.example.org"},
		{"root@localhost", "root@localhost"},
		{"o'hara@example.org", "o'hara@example.org"},
		{"zoe\u0308@bücher.example", "zo\u00eb@bücher.example"},
		{"x@a-b.c1.example", "x@a-b.c1.example"},
		{strings.Repeat("a", 64) + "@example.org", strings.Repeat("a", 64) + "@example.org"},
	} {
		if got, err := account.EmailKey(row.email); got != row.key || err != nil {
			t.Errorf("EmailKey(%q) = %q, %v; want %q", row.email, got, err, row.key)
		}
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	username := func(name string) error { _, err := account.UsernameKey(name); return err }
	email := func(name string) error { _, err := account.EmailKey(name); return err }
	for _, row := range []struct {
		of         func(string) error
		name, code string
	}{
		{username, "", "required"},
		{username, "ab", "too_short"},
		{username, "ﬃ", "too_short"},
		{username, strings.Repeat("a", 65), "too_long"},
		{username, strings.Repeat("🐎", 1000), "too_long"},
		{username, "anna@home", "invalid_character"},
		{username, "anna＠home", "invalid_character"},
		{username, "anna bell", "invalid_character"},
		{username, " anna", "invalid_character"},
		{username, "anna\n", "invalid_character"},
		{username, "anna\x00", "invalid_character"},
		{username, "an\u200bna", "invalid_character"},
		{username, "an\u202ena", "invalid_character"},
		{username, "anna\xff", "invalid_character"},
		{username, "0190d5a0-1234-7abc-8def-0123456789ab", "malformed"},
		{username, "0190D5A0-1234-7ABC-8DEF-0123456789AB", "malformed"},
		{email, "", "required"},
		{email, "anna", "malformed"},
		{email, "@example.org", "malformed"},
		{email, "anna@", "malformed"},
		{email, "anna@@example.org", "malformed"},
		{email, "anna@b@example.org", "malformed"},
		{email, "anna bell@example.org", "malformed"},
		{email, "anna@exam ple.org", "malformed"},
		{email, "anna@example..org", "malformed"},
		{email, "anna@.example.org", "malformed"},
		{email, "anna@example.org.", "malformed"},
		{email, "anna@-example.org", "malformed"},
		{email, "anna@example-.org", "malformed"},
		{email, "anna@exa_mple.org", "malformed"},
		{email, "anna@[192.0.2.7]", "malformed"},
		{email, ".anna@example.org", "malformed"},
		{email, "anna.@example.org", "malformed"},
		{email, "an..na@example.org", "malformed"},
		{email, `"anna"@example.org`, "malformed"},
		{email, "anna<b>@example.org", "malformed"},
		{email, "anna@example.org\r\nBcc: all@example.org", "malformed"},
		{email, strings.Repeat("a", 65) + "@example.org", "malformed"},
		{email, "anna@" + strings.Repeat("a", 64) + ".org", "malformed"},
		{email, "anna@" + strings.Repeat("a.", 130) + "org", "too_long"},
	} {
		err := row.of(row.name)
		field, ok := errors.AsType[*account.FieldError](err)
		if !ok || field.Code != row.code {
			t.Errorf("%q gave %v, want %s", row.name, err, row.code)
		}
		if !errors.Is(err, account.ErrInvalid) {
			t.Errorf("%q: %v is not ErrInvalid", row.name, err)
		}
	}
}

// A key is bounded, is its own key, and cannot be mistaken for the other kind.
func FuzzUsernameKey(f *testing.F) {
	for _, seed := range []string{"anna", "ＡＮＮＡ", "zoe\u0308", "ΣΊΣΥΦΟΣ", "אבג", "ab\u200c", "İstanbul", "a@b", "\xff\xfe", "ﷺﷺﷺ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key, err := account.UsernameKey(name)
		if err != nil {
			if !errors.Is(err, account.ErrInvalid) || key != "" {
				t.Fatalf("%q gave %q, %v", name, key, err)
			}
			return
		}
		if n := utf8.RuneCountInString(key); n < 3 || n > 64 || strings.ContainsAny(key, "@ \t\r\n\x00") || !utf8.ValidString(key) {
			t.Fatalf("%q has the key %q", name, key)
		}
		if again, err := account.UsernameKey(key); err != nil || again != key {
			t.Fatalf("%q has the key %q, and that has %q (%v)", name, key, again, err)
		}
	})
}

func FuzzEmailKey(f *testing.F) {
	for _, seed := range []string{"anna@example.org", "ANNA@EXAMPLE.ORG", "zoe\u0308@bücher.example", "a@b", "a@b@c", "@", "a@ｅｘａｍｐｌｅ．org", "\xff@x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		key, err := account.EmailKey(address)
		if err != nil {
			if !errors.Is(err, account.ErrInvalid) || key != "" {
				t.Fatalf("%q gave %q, %v", address, key, err)
			}
			return
		}
		if len(key) > 254 || strings.Count(key, "@") != 1 || strings.ContainsAny(key, " \t\r\n\x00<>\"") || !utf8.ValidString(key) {
			t.Fatalf("%q has the key %q", address, key)
		}
		if again, err := account.EmailKey(key); err != nil || again != key {
			t.Fatalf("%q has the key %q, and that has %q (%v)", address, key, again, err)
		}
	})
}
