package signing

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/watchwordauth/watchword/verify"
)

// start is when most tests begin.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// after is a time of a test.
func after(d time.Duration) time.Time { return start.Add(d) }

const day = 24 * time.Hour

// thirty is the policy of the tables: keys sign for 30 days, are added a day
// ahead, published for 23 minutes at least, and verify for 63 minutes more.
var thirty = policy{algorithm: verify.ES256, every: 30 * day, ahead: day, publish: 23 * time.Minute, retain: 63 * time.Minute}

// numbered makes records of ES256, numbered from 1, each changed by its function.
func numbered(changes ...func(*Record)) []Record {
	var records []Record
	for i, change := range changes {
		r := Record{Number: i + 1, ID: fmt.Sprintf("key-%d", i+1), Algorithm: "ES256", CreatedAt: start}
		change(&r)
		records = append(records, r)
	}
	return records
}

// active is a key that signs from a time on; ending sets what else is stamped.
func active(d time.Duration) func(*Record) { return func(r *Record) { r.ActiveAt = after(d) } }

func retired(active, at time.Duration) func(*Record) {
	return func(r *Record) { r.ActiveAt, r.RetiredAt = after(active), after(at) }
}

func revoked(active, at time.Duration) func(*Record) {
	return func(r *Record) { r.ActiveAt, r.RevokedAt = after(active), after(at) }
}

func TestTheConfigurationGivesThePolicyOfTheTables(t *testing.T) {
	t.Parallel()
	c, err := Config{Algorithm: verify.HS256, Secret: make([]byte, 32)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c.Algorithm = verify.ES256
	if diff := cmp.Diff(thirty, c.policy(), cmp.AllowUnexported(policy{})); diff != "" {
		t.Error(diff)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		records   []Record
		algorithm verify.Algorithm
		opening   bool
		now       time.Time
		want      []action
	}{
		"no key: one, at once": {
			now:  start,
			want: []action{{do: add, number: 1, at: start, reason: first}},
		},
		"a young key: nothing": {
			records: numbered(active(0)),
			now:     after(29*day - time.Second),
		},
		"a day before its time: the next": {
			records: numbered(active(0)),
			now:     after(29 * day),
			want:    []action{{do: add, number: 2, at: after(30 * day), reason: scheduled}},
		},
		"nobody was there for a year: the next, published first": {
			records: numbered(active(0)),
			now:     after(365 * day),
			want:    []action{{do: add, number: 2, at: after(365*day + 23*time.Minute), reason: scheduled}},
		},
		"the next waits: nothing": {
			records: numbered(active(0), active(30*day)),
			now:     after(30*day - time.Second),
		},
		"the next is active: the old one may verify what it signed": {
			records: numbered(active(0), active(30*day)),
			now:     after(30 * day),
			want:    []action{{do: retire, id: "key-1", at: after(30*day + 63*time.Minute)}},
		},
		"nobody was there when it was replaced: the same end": {
			records: numbered(active(0), active(30*day)),
			now:     after(40 * day),
			want:    []action{{do: retire, id: "key-1", at: after(30*day + 63*time.Minute)}},
		},
		"retired lately: nothing": {
			records: numbered(retired(0, 30*day), active(30*day)),
			now:     after(37*day - time.Second),
		},
		"retired a week ago: forgotten": {
			records: numbered(retired(0, 30*day), active(30*day)),
			now:     after(37 * day),
			want:    []action{{do: remove, id: "key-1"}},
		},
		"revoked a week ago: forgotten": {
			records: numbered(revoked(0, day), active(day)),
			now:     after(8 * day),
			want:    []action{{do: remove, id: "key-1"}},
		},
		"all revoked: one more, at once, and the highest number is kept": {
			records: numbered(revoked(0, day), revoked(day, day)),
			now:     after(40 * day),
			want: []action{
				{do: remove, id: "key-1"},
				{do: add, number: 3, at: after(40 * day), reason: first},
			},
		},
		"a key that was overtaken before its time never signs": {
			records: numbered(active(0), active(30*day), active(29*day+23*time.Minute)),
			now:     after(29*day + 23*time.Minute),
			want: []action{
				{do: retire, id: "key-1", at: after(29*day + 86*time.Minute)},
				{do: retire, id: "key-2", at: after(29*day + 86*time.Minute)},
			},
		},
		"a revoked successor replaces nobody": {
			records: numbered(active(0), revoked(day, 2*day)),
			now:     after(3 * day),
		},
		"another node's clock is ahead: its first key is good": {
			records: numbered(active(time.Minute)),
			now:     start,
		},
		"another algorithm, at the start: published first": {
			records: numbered(active(0)), algorithm: verify.Ed25519, opening: true,
			now:  after(day),
			want: []action{{do: add, number: 2, at: after(day + 23*time.Minute), reason: changed}},
		},
		"another algorithm, later: at the next turn": {
			records: numbered(active(0)), algorithm: verify.Ed25519,
			now: after(day),
		},
		"the algorithm is on its way": {
			records: numbered(active(0), func(r *Record) { r.Algorithm, r.ActiveAt = "Ed25519", after(day) }), algorithm: verify.Ed25519, opening: true,
			now: after(day - time.Minute),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := thirty
			p.opening = tt.opening
			if tt.algorithm != "" {
				p.algorithm = tt.algorithm
			}
			got := plan(tt.records, p, tt.now)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(action{})); diff != "" {
				t.Error(diff)
			}
			again := plan(apply(tt.records, got, p), p, tt.now)
			if slices.ContainsFunc(again, func(a action) bool { return a.do != remove }) {
				t.Errorf("when that was done %v is due", again)
			}
		})
	}
}

func TestPlanRotation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		records []Record
		revoke  bool
		now     time.Time
		want    []action
	}{
		"published first": {
			records: numbered(active(0)),
			now:     after(day),
			want:    []action{{do: add, number: 2, at: after(day + 23*time.Minute), reason: requested}},
		},
		"one is on its way and not later: nothing": {
			records: numbered(active(0), active(day)),
			now:     after(day - 23*time.Minute),
		},
		"one is on its way, but later: it is overtaken": {
			records: numbered(active(0), active(day)),
			now:     after(day - 24*time.Minute),
			want:    []action{{do: add, number: 3, at: after(day - time.Minute), reason: requested}},
		},
		"an emergency: at once, then all others are revoked": {
			records: numbered(revoked(-day, 0), retired(0, 2*day), active(day), active(3*day)), revoke: true,
			now: after(day),
			want: []action{
				{do: add, number: 5, at: after(day), reason: emergency},
				{do: revoke, id: "key-2", at: after(day)},
				{do: revoke, id: "key-3", at: after(day)},
				{do: revoke, id: "key-4", at: after(day)},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := planRotation(tt.records, thirty, tt.now, tt.revoke)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(action{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheActiveKeyWithTheHighestNumberSigns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		records []Record
		want    int // number, or 0 for none
	}{
		"none":                             {nil, 0},
		"one":                              {numbered(active(0)), 1},
		"the newer of two":                 {numbered(active(-day), active(0)), 2},
		"the next does not yet":            {numbered(active(-day), active(time.Second)), 1},
		"a higher number overtook":         {numbered(active(-day), active(time.Hour), active(-time.Minute)), 3},
		"not one that was revoked":         {numbered(active(-day), revoked(-time.Hour, -time.Minute)), 1},
		"not one that was retired":         {numbered(retired(-day, -time.Minute), revoked(-time.Hour, -time.Minute)), 0},
		"one that is about to be, by then": {numbered(retired(-day, time.Hour), active(time.Second)), 1},
		"the first to come":                {numbered(active(2*time.Minute), active(time.Minute), active(3*time.Minute)), 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := 0
			if i := current(tt.records, start); i >= 0 {
				got = tt.records[i].Number
			}
			if got != tt.want {
				t.Errorf("key %d signs, want %d", got, tt.want)
			}
		})
	}
}

// apply is what a store does with the actions.
func apply(records []Record, actions []action, p policy) []Record {
	records = slices.Clone(records)
	for _, a := range actions {
		find := func() int { return slices.IndexFunc(records, func(r Record) bool { return r.ID == a.id }) }
		switch a.do {
		case add:
			records = append(records, Record{Number: a.number, ID: fmt.Sprintf("key-%d", a.number), Algorithm: string(p.algorithm), ActiveAt: a.at})
		case retire:
			if i := find(); records[i].RetiredAt.IsZero() {
				records[i].RetiredAt = a.at
			}
		case revoke:
			if i := find(); records[i].RevokedAt.IsZero() {
				records[i].RevokedAt = a.at
			}
		case remove:
			records = slices.Delete(records, find(), find()+1)
		}
	}
	return records
}

// Whatever is asked for, and however long nobody is there: there is a key to sign
// with; unless it was the first or an emergency it had been published long enough
// when it began to; and it verifies until the last token it signed has expired.
func TestEveryKeyIsPublishedBeforeItSignsAndVerifiesAfter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := thirty
		p.every = time.Duration(rapid.IntRange(46, 100_000).Draw(t, "minutes of signing")) * time.Minute
		p.ahead = max(p.publish, min(day, p.every/10))
		now := start
		var records []Record
		published := map[string]time.Time{} // by key
		exempt := map[string]bool{}
		signed := map[string]time.Time{} // the last time, by key
		withdrawn := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var due []action
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				due = planRotation(records, p, now, false)
			case 1:
				due = planRotation(records, p, now, true)
			default:
				due = plan(records, p, now)
			}
			records = apply(records, due, p)
			for _, a := range due {
				switch {
				case a.do == add:
					id := fmt.Sprintf("key-%d", a.number)
					published[id], exempt[id] = now, a.reason == first || a.reason == emergency || len(published) == 0
				case a.do == revoke:
					withdrawn[a.id] = true
				}
			}
			if len(records) > 0 {
				i := current(records, now)
				if i < 0 {
					t.Fatalf("at %s nothing signs: %v", now, records)
				}
				id := records[i].ID
				if !exempt[id] && now.Before(published[id].Add(p.publish)) {
					t.Fatalf("%s signs after %s", id, now.Sub(published[id]))
				}
				signed[id] = now
			}
			for id, last := range signed {
				i := slices.IndexFunc(records, func(r Record) bool { return r.ID == id })
				if !withdrawn[id] && !now.After(last.Add(time.Hour)) && (i < 0 || !verifies(records[i], now)) {
					t.Fatalf("%s verifies no more, %s after it signed", id, now.Sub(last))
				}
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 40 * day}).Draw(t, "scale"))).Draw(t, "pause")))
		}
	})
}
