package sqlstore

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzAfterBoundsWhatBeginsWithAPrefix(f *testing.F) {
	for _, prefix := range []string{"", "a", "ab", "\xff", "a\xff", "a\xff\xff", "\xff\xff", "\x00", "ä", "\xfe"} {
		for _, name := range []string{"", "a", "aa", "ab", "abc", "b", "\xff", "a\xff", "a\xffb", "\xff\xff\xff", "\x00\x00", "ä", "äb"} {
			f.Add(prefix, name)
		}
	}
	f.Fuzz(func(t *testing.T, prefix, name string) {
		end, bounded := after(prefix)
		within := name >= prefix && (!bounded || name < end)
		if within != strings.HasPrefix(name, prefix) {
			t.Errorf("%q begins with %q: %v, but the bound %q (%v) says %v", name, prefix, !within, end, bounded, within)
		}
	})
}

func FuzzRolesComeBack(f *testing.F) {
	f.Add("admin", "user", "adm")
	f.Add("", " ", "%20")
	f.Add("a b", "a", "b")
	f.Add("\xff", "ü", "\x00")
	f.Fuzz(func(t *testing.T, one, two, other string) {
		for _, list := range [][]string{nil, {one}, {one, two}} {
			packed := packRoles(list)
			var got roles
			if err := got.Scan(packed); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(list, []string(got), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("packed as %q (-want +got):\n%s", packed, diff)
			}
			if found := strings.Contains(packed, packRole(other)); found != slices.Contains(list, other) {
				t.Errorf("%q is found in %q: %v", other, packed, found)
			}
		}
	})
}

func FuzzDetailComesBack(f *testing.F) {
	f.Add("reason", "signed_out", "generation", "4")
	f.Add("", "", "a=b&c", "+%;")
	f.Add("\xff", "\x00", "ü", " ")
	f.Fuzz(func(t *testing.T, key, value, key2, value2 string) {
		want := map[string]string{key: value, key2: value2}
		packed := packDetail(want)
		var got detail
		if err := got.Scan([]byte(packed)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, map[string]string(got)); diff != "" {
			t.Errorf("packed as %q (-want +got):\n%s", packed, diff)
		}
	})
}

func FuzzColumnsOfAnotherHandAreRefused(f *testing.F) {
	f.Add(" admin user ")
	f.Add("admin")
	f.Add(" %zz ")
	f.Add("a=%zz")
	f.Add(";")
	f.Fuzz(func(t *testing.T, column string) {
		var list roles
		if err := list.Scan(column); err == nil {
			var again roles
			if err := again.Scan(packRoles(list)); err != nil || !slices.Equal(list, again) {
				t.Errorf("%q is read as %q, and then as %q, %v", column, list, again, err)
			}
		}
		var details detail
		if err := details.Scan(column); err == nil {
			var again detail
			if err := again.Scan(packDetail(details)); err != nil || !cmp.Equal(details, again) {
				t.Errorf("%q is read as %q, and then as %q, %v", column, details, again, err)
			}
		}
	})
}

func TestAColumnOfAnotherTypeIsAnError(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"id":       new(id).Scan("text"),
		"short id": new(id).Scan([]byte{1, 2, 3}),
		"text":     new(text).Scan(int64(1)),
		"time":     new(instant).Scan("2026-11-21"),
		"counter":  new(counter).Scan(nil),
		"roles":    new(roles).Scan(int64(1)),
		"detail":   new(detail).Scan(int64(1)),
		"no roles": new(roles).Scan("admin"),
	} {
		if err == nil {
			t.Errorf("a wrong %s was taken", name)
		}
	}
}
