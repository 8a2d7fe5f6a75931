package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// stamp writes a moment for people: UTC, to the second.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// span writes a duration in its largest unit that says enough: "3 minutes".
func span(d time.Duration) string {
	d = max(d, -d)
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		// At least two of a unit, or one exactly: "90 minutes" says more than "1 hour".
		if n := d / unit.size; n >= 2 || n == 1 && (d == unit.size || unit.size == time.Second) {
			return count(int(n), unit.name)
		}
	}
	return "less than a second"
}

// relative writes how a moment lies to now: "3 minutes ago", "in 7 days".
func relative(t, now time.Time) string {
	switch d := t.Sub(now); {
	case t.IsZero():
		return "never"
	case d > 0:
		return "in " + span(d)
	default:
		return span(d) + " ago"
	}
}

// count writes a number of things: "1 session", "2 sessions".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// times writes how often: "once", "twice", "3 times".
func times(n uint64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// plain makes a stranger's text safe to print on a terminal: what would move the
// cursor, change colours or start another line is shown as its escape.
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
