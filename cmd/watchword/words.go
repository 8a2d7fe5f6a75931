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

// span writes a duration in the largest unit that says enough: "3 minutes", "90
// minutes", "1 day".
func span(d time.Duration) string {
	d = max(d, -d)
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		n := (d + unit.size/2) / unit.size
		nearly := unit.size / 50
		one := n == 1 && max(d-unit.size, unit.size-d) <= nearly
		if one || d >= 2*unit.size-nearly || unit.size == time.Second && n >= 1 {
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

// wrap breaks a text into lines of at most width characters, where it has spaces.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		length := len([]rune(word))
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}
