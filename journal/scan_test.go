package journal

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

// some is a record of each kind.
func some() []Record {
	ada := account.ID{1, 2, 3}
	return []Record{
		{Kind: begun, At: noon, Keep: 31 * 24 * time.Hour},
		{Kind: SessionEnded, At: noon, Session: session.ID{7}, Reason: session.SignedOut, By: ada.String()},
		{Kind: UserEnded, At: noon, User: ada, Session: session.ID{8}, Reason: session.PasswordChanged, By: "cli"},
		{Kind: UserChanged, At: noon, User: ada, Epoch: 7, Roles: []string{"admin", "user"}, Block: &Block{noon, "a \"reason\"\nof two lines", "cli"}},
		{Kind: PasswordChanged, At: noon, User: ada, Epoch: 7},
		{Kind: KeyRevoked, At: noon, Key: "kid"},
		{Kind: marked, At: noon.Add(time.Second)},
	}
}

func text(t *testing.T, records ...Record) []byte {
	t.Helper()
	var lines []byte
	for i, r := range records {
		var err error
		if lines, err = appendLine(lines, uint64(i+1), r); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	s, err := scanFile(bytes.NewReader(text(t, some()...)), true)
	if err != nil || s.broken != nil || s.torn != 0 {
		t.Fatalf("%v, broken %v, torn %d", err, s.broken, s.torn)
	}
	if diff := cmp.Diff(some(), s.records); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

// Wherever a crash cuts a file off, what was whole before is read, and nothing is
// called broken.
func TestAFileThatIsCutOffAnywhereIsReadUpToThere(t *testing.T) {
	t.Parallel()
	whole := text(t, some()...)
	for length := range len(whole) + 1 {
		cut := whole[:length]
		s, err := scanFile(bytes.NewReader(cut), true)
		if err != nil || s.broken != nil {
			t.Fatalf("after %d bytes: %v, broken %v", length, err, s.broken)
		}
		want := bytes.Count(cut, []byte("\n"))
		if end := bytes.LastIndexByte(cut, '\n') + 1; len(s.records) != want || s.good != int64(end) || s.torn != int64(length-end) {
			t.Errorf("after %d bytes: %d records, %d good, %d torn; want %d, %d, %d", length, len(s.records), s.good, s.torn, want, end, length-end)
		}
	}
}

// A disk that wrote the size and not the content leaves zeros.
func TestAnEndOfZerosIsTorn(t *testing.T) {
	t.Parallel()
	whole := text(t, some()...)
	s, err := scanFile(bytes.NewReader(append(slices.Clone(whole), make([]byte, 2*maxLine)...)), true)
	if err != nil || s.broken != nil || s.good != int64(len(whole)) || s.torn != 2*maxLine {
		t.Errorf("%v, broken %v, good %d, torn %d", err, s.broken, s.good, s.torn)
	}
}

func TestDamageBeforeAGoodLineIsNeverSkipped(t *testing.T) {
	t.Parallel()
	lines := bytes.SplitAfter(text(t, some()...), []byte("\n"))
	edit := func(do func(lines [][]byte) [][]byte) []byte {
		return bytes.Join(do(slices.Clone(lines)), nil)
	}
	for name, row := range map[string]struct {
		file []byte
		want string
		read int // records
	}{
		"a letter is changed":   {edit(func(l [][]byte) [][]byte { l[2] = bytes.Replace(l[2], []byte("cli"), []byte("clj"), 1); return l }), "line 3: the line is damaged", 6},
		"a line is cut short":   {edit(func(l [][]byte) [][]byte { l[3] = append(l[3][:30:30], '\n'); return l }), "line 4: the line is damaged", 6},
		"its end is lost":       {edit(func(l [][]byte) [][]byte { l[3] = l[3][:30]; return l }), "line 4: the line is damaged", 5},
		"a line is missing":     {edit(func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) }), "line 3: it is number 4, where 3 was to be: lines are missing", 6},
		"the first is missing":  {edit(func(l [][]byte) [][]byte { return l[1:] }), "line 1: it is number 2, where 1 was to be: lines are missing", 6},
		"a line is there twice": {edit(func(l [][]byte) [][]byte { return slices.Insert(l, 3, l[2]) }), "line 4: it is number 3", 8},
		"two are swapped":       {edit(func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }), "line 3: it is number 4", 7},
		"a line is far too long": {edit(func(l [][]byte) [][]byte {
			return slices.Insert(l, 2, bytes.Repeat([]byte("x"), 3*maxLine), []byte("\n"))
		}), "the line is damaged", 7},
		"a newer version": {edit(func(l [][]byte) [][]byte { l[2] = append([]byte("w2"), l[2][2:]...); return l }), "line 3: the line was written by a newer version", 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := scanFile(bytes.NewReader(row.file), true)
			if err != nil || s.broken == nil || !strings.Contains(s.broken.Error(), row.want) {
				t.Errorf("%v, broken: %v; want %q", err, s.broken, row.want)
			}
			if len(s.records) != row.read {
				t.Errorf("%d records are read, want %d", len(s.records), row.read)
			}
		})
	}
}

func FuzzALineIsReadAsItWasWrittenOrNotAtAll(f *testing.F) {
	for i, r := range some() {
		line, err := appendLine(nil, uint64(i+1), r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	f.Add([]byte("w1 1 00000000 {}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		number, r, err := parseLine(line)
		if err != nil {
			return
		}
		again, err := appendLine(nil, number, r)
		if err != nil {
			return // a time that JSON does not write
		}
		number2, r2, err := parseLine(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil || number2 != number || !cmp.Equal(r, r2) {
			t.Errorf("%q is read as %v, written as %q, and read as %v, %v", line, r, again, r2, err)
		}
	})
}

func TestAUnknownKindIsOfANewerVersion(t *testing.T) {
	t.Parallel()
	line, err := appendLine(nil, 1, Record{Kind: "tomorrow", At: noon})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := parseLine(bytes.TrimSuffix(line, []byte("\n"))); !errors.Is(err, errNewer) {
		t.Errorf("it is %v", err)
	}
}

// A crash cuts a line off; it does not change a letter. A last line that is wrong and whole
// was acknowledged.
func TestADamagedLastLineIsNotTakenForACrash(t *testing.T) {
	t.Parallel()
	whole := text(t, some()...)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for at := last; at < len(whole)-1; at++ {
		file := slices.Clone(whole)
		file[at] ^= 1
		if file[at] == '\n' || file[at] == 0 {
			continue
		}
		s, err := scanFile(bytes.NewReader(file), true)
		if err != nil || s.broken == nil || len(s.records) != len(some())-1 {
			t.Errorf("byte %d: %v, broken %v, %d records", at, err, s.broken, len(s.records))
		}
	}
	for name, tail := range map[string]struct {
		text   string
		broken bool
	}{
		"a line":                           {"w1 9 01234567 {}\n", true},
		"two lines":                        {"garbled\nlines\n", true},
		"a long line":                      {strings.Repeat("x", 3*maxLine) + "\n", true},
		"a line, and one that was cut":     {"garbled\nw1 9", true},
		"the beginning of a line":          {"w1 9 0123", false},
		"zeros, and the end of a line":     {strings.Repeat("\x00", 2*maxLine) + "\"by\":\"cli\"}\n", false},
		"the same, cut":                    {"w1 9 0\x00\x00\"by\":\"cli\"}\nw1 10", false},
		"zeros, and then a damaged line":   {"\x00\x00\n" + "w1 9 01234567 {}\n", true},
		"the beginning of a line of zeros": {"w1 9 0123\x00\x00\x00\x00", false},
	} {
		s, err := scanFile(strings.NewReader(string(whole)+tail.text), true)
		if err != nil || (s.broken != nil) != tail.broken || len(s.records) != len(some()) {
			t.Errorf("%s: %v, broken %v, %d records", name, err, s.broken, len(s.records))
		}
		if torn := strings.Contains(tail.text, "w1 9") && !strings.HasSuffix(tail.text, "\n") || !tail.broken; torn != (s.torn > 0) || !tail.broken && s.torn != int64(len(tail.text)) {
			t.Errorf("%s: %d bytes are torn", name, s.torn)
		}
	}
}
