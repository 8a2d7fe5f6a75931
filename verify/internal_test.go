package verify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzReader compares the strict reader with encoding/json: what the first takes
// must be JSON for the second.
func FuzzReader(f *testing.F) {
	for _, text := range []string{
		`null`, `[1,-2.5e+3,"é\u00e9\ud83d\ude00",{"a":[true,false]}]`, `{"a":1,"A":2}`, `"\ud800"`, `1.`, `01`, `[1,]`, `{"a":}`, "\ufeff1", `1 2`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := reader{text: text}
		r.skip()
		r.end()
		if !r.failed && (!json.Valid([]byte(text)) || !utf8.ValidString(text)) {
			t.Errorf("taken: %q", text)
		}
	})
}

// FuzzDocument reads revocation documents: what is read and written again reads
// the same.
func FuzzDocument(f *testing.F) {
	s := Snapshot{Issuer: "i", AsOf: time.UnixMilli(1), Incarnation: "1", Window: time.Second, Sessions: []string{"a"}, Users: map[string]uint64{"b": 2}}
	f.Add(string(s.Payload()))
	f.Add(string(s.Heartbeat()))
	f.Add(`{"as_of":1,"window":1,"set":"x","users":{"a":1,"a":2}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDocument(text)
		if err != nil {
			return
		}
		again, err := parseDocument(string(d.encode()))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Sessions) == 0 {
			d.Sessions = nil
		}
		if len(d.Users) == 0 {
			d.Users = nil
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzEvents reads event streams.
func FuzzEvents(f *testing.F) {
	f.Add("event: revocations\ndata: a.b.c\n\n")
	f.Add(":\r\nevent:revocations\r\ndata:a\r\ndata: b\r\nid: 1\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		err := events(strings.NewReader(text), func(data string) error {
			if data == "" || strings.Contains(data, "\n") || !strings.Contains(text, FeedEvent) {
				t.Errorf("data %q", data)
			}
			return nil
		})
		if err == nil {
			t.Error("a stream ends with an error")
		}
	})
}

func TestAnEventStreamIsReadAsTheStandardSays(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"event: revocations\ndata: a\n\n":                      {"a"},
		"event:revocations\ndata:a\n\n":                        {"a"},
		"data: a\nevent: revocations\n\n":                      {"a"},
		"event: revocations\r\ndata: a\r\n\r\n":                {"a"},
		": hello\n\nevent: revocations\n: again\ndata: a\n\n":  {"a"},
		"event: revocations\ndata: a\n\nevent: x\ndata: b\n\n": {"a"},
		"data: a\n\n":                   nil, // of the type "message"
		"event: revocations\n\n":        nil,
		"event: revocations\ndata: a\n": nil, // unfinished
		"event: revocations\nid: 7\nretry: 9\nfoo\ndata: a\n\n\n": {"a"},
	}
	for text, want := range tests {
		var got []string
		err := events(strings.NewReader(text), func(data string) error { got = append(got, data); return nil })
		if diff := cmp.Diff(want, got); diff != "" || err == nil {
			t.Errorf("%q: error %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestAnEventThatNeverEndsIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"one line":   "event: revocations\ndata: " + strings.Repeat("a", maxFeed+1),
		"many lines": "event: revocations\n" + strings.Repeat("data: "+strings.Repeat("a", 1<<20)+"\n", 17),
	} {
		err := events(strings.NewReader(text+"\n\n"), func(string) error { return fmt.Errorf("it was believed") })
		if err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEqualEntriesHaveOneName(t *testing.T) {
	t.Parallel()
	base := Snapshot{Issuer: "i", AsOf: time.UnixMilli(1), Incarnation: "1", Window: time.Second, Sessions: []string{"a", "b"}, Users: map[string]uint64{"u": 2}}
	same := Snapshot{Issuer: "i", AsOf: time.UnixMilli(9), Incarnation: "1", Window: time.Second, Sessions: []string{"b", "a", "b"}, Users: map[string]uint64{"u": 2}}
	if base.Set() != same.Set() {
		t.Error("the order of the entries counts")
	}
	for name, change := range map[string]func(*Snapshot){
		"a session more":      func(s *Snapshot) { s.Sessions = []string{"a", "b", "c"} },
		"another epoch":       func(s *Snapshot) { s.Users = map[string]uint64{"u": 3} },
		"another user":        func(s *Snapshot) { s.Users = map[string]uint64{"v": 2} },
		"another incarnation": func(s *Snapshot) { s.Incarnation = "2" },
		"a session for a user": func(s *Snapshot) {
			s.Sessions, s.Users = []string{"a", "b", "u"}, nil
		},
		"joined sessions": func(s *Snapshot) { s.Sessions = []string{"a\"\ns\"b"} },
	} {
		other := base
		change(&other)
		if other.Set() == base.Set() {
			t.Errorf("%s has the same name", name)
		}
	}
}

func TestStrangersLearnNoIDFromTheFeed(t *testing.T) {
	t.Parallel()
	s := Snapshot{
		Issuer: "i", AsOf: time.UnixMilli(1), Incarnation: "1", Window: time.Second,
		Sessions: []string{"2f1b1c0e8a7d4f7f9a51d1f2a3b4c5d6"}, Users: map[string]uint64{"0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6": 2},
	}
	text := string(s.Payload())
	for _, id := range []string{"2f1b1c0e8a7d4f7f9a51d1f2a3b4c5d6", "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"} {
		if strings.Contains(text, id) || strings.Contains(text, id[:8]) {
			t.Errorf("%s is in %s", id, text)
		}
	}
	d, err := parseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	if d.Sessions[0] != digestOfSession(s.Sessions[0]) || d.Users[digestOfUser("0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6")] != 2 {
		t.Errorf("what was written is read as %v", d)
	}
}

// A follower that skipped what it cannot read would take every session for alive.
func TestADocumentWithEntriesOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	const frame = `{"iss":"i","as_of":1,"window":1,"set":"x","full":true,%s}`
	if _, err := parseDocument(fmt.Sprintf(frame, `"sessions":["HNxygMC7X_uaxYRA"],"users":{"z68XQZcqSDIivvh-":4}`)); err != nil {
		t.Fatal(err)
	}
	for name, entries := range map[string]string{
		"a bare session id":  `"sessions":["2f1b1c0e8a7d4f7f9a51d1f2a3b4c5d6"]`,
		"too short":          `"sessions":["HNxygMC7X_uaxYR"]`,
		"padded":             `"sessions":["HNxygMC7X_uaxY=="]`,
		"a line break":       `"sessions":["HNxygMC7X_uaxY\r\n"]`,
		"of base64, not url": `"sessions":["HNxygMC7X/uaxYRA"]`,
		"empty":              `"sessions":[""]`,
		"a bare user id":     `"users":{"0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6":4}`,
		"a user twice":       `"users":{"z68XQZcqSDIivvh-":4,"z68XQZcqSDIivvh-":5}`,
	} {
		if _, err := parseDocument(fmt.Sprintf(frame, entries)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
