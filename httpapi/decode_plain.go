package httpapi

import (
	"slices"
	"strings"
)

// decodePlain reads what a body is as a rule: an object whose names are known and
// there once, and whose values are strings of printable ASCII without escapes. It
// reports whether the body is of that kind; decodeJSON reads and refuses all others.
func decodePlain(body string, into fields) bool {
	rest, ok := mark(body, '{')
	var seen []*string
	for ok {
		var name, value string
		if name, rest, ok = plainString(rest); !ok {
			break
		}
		if rest, ok = mark(rest, ':'); !ok {
			break
		}
		if value, rest, ok = plainString(rest); !ok {
			break
		}
		place, known := into[name].(*string)
		if !known || slices.Contains(seen, place) {
			return false
		}
		seen = append(seen, place)
		*place = value
		if end, last := mark(rest, '}'); last {
			return strings.Trim(end, whitespace) == ""
		}
		rest, ok = mark(rest, ',')
	}
	return false
}

// whitespace is that of RFC 8259 section 2.
const whitespace = " \t\r\n"

// mark is what follows a character, with white space around it.
func mark(text string, c byte) (rest string, ok bool) {
	text = strings.TrimLeft(text, whitespace)
	if text == "" || text[0] != c {
		return "", false
	}
	return strings.TrimLeft(text[1:], whitespace), true
}

// plainString is the string at the beginning of a text, and what follows.
func plainString(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c == '\\', c < ' ', c > '~':
			return "", "", false
		}
	}
	return "", "", false
}
