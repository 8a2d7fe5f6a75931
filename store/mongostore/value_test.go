package mongostore

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever bytes go in, a string that the database takes comes of them, which
// gives them back and sorts as they do.
func FuzzTextKeepsBytesAndTheirOrder(f *testing.F) {
	for _, pair := range [][2]string{{"", "a"}, {"anna", "ännä"}, {"\xff", "\xff\xfe"}, {"a\x00", "a"}, {"名前", "🦉"}, {"\x7f", "\x80"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b} {
			if !utf8.ValidString(text(s)) || bytesOf(text(s)) != s {
				t.Errorf("%q became %q and then %q", s, text(s), bytesOf(text(s)))
			}
		}
		if strings.Compare(a, b) != strings.Compare(text(a), text(b)) {
			t.Errorf("%q and %q sort otherwise than %q and %q", a, b, text(a), text(b))
		}
		if end, bounded := after(a); bounded {
			if within := strings.HasPrefix(text(b), text(a)); within != (text(b) >= text(a) && text(b) < text(end)) {
				t.Errorf("%q begins with %q: %v, but it lies elsewhere", b, a, within)
			}
		}
	})
}

func TestWhatReadsAsItIsIsKeptSo(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "anna@example.org", "Mozilla/5.0 (X11; Linux x86_64)"} {
		if text(s) != s {
			t.Errorf("%q became %q", s, text(s))
		}
	}
	if got := texts([]string{"admin", "\xff"}); !slices.Equal(got, []string{"admin", "ÿ"}) {
		t.Errorf("texts = %q", got)
	}
}
