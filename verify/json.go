package verify

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The bounds of the JSON that is read. Tokens are far below them.
const (
	maxDepth   = 32
	maxMembers = 256
)

// reader reads one JSON text (RFC 8259) more strictly than encoding/json: names
// that are equal, or equal but for case, are refused (RFC 7515 section 4, RFC
// 7519 section 4), and so are invalid UTF-8 and lone surrogates. The first
// failure sticks: check failed when done.
//
// Strings are parts of the text wherever they hold no escape, so nothing is copied.
type reader struct {
	text   string
	at     int
	depth  int
	wide   bool // the last string was not ASCII
	failed bool
}

// fail makes everything that follows fail.
func (r *reader) fail() {
	r.failed = true
	r.at = len(r.text)
}

// peek skips white space and returns the next byte, or 0 at the end.
func (r *reader) peek() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

// take consumes the next byte if it is c.
func (r *reader) take(c byte) bool {
	if r.peek() != c || r.at >= len(r.text) {
		return false
	}
	r.at++
	return true
}

// end fails unless nothing but white space follows.
func (r *reader) end() {
	r.peek()
	if r.at != len(r.text) {
		r.fail()
	}
}

// object reads an object. For each member it calls each, which must read the
// value.
func (r *reader) object(each func(name string)) {
	if !r.take('{') || r.depth >= maxDepth {
		r.fail()
		return
	}
	if r.take('}') {
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	var seen names
	for !r.failed {
		name := r.string()
		if !r.take(':') || !seen.add(name, r.wide) {
			r.fail()
			return
		}
		each(name)
		if r.take('}') {
			return
		}
		if !r.take(',') {
			r.fail()
		}
	}
}

// mapping reads an object whose names are data. For each member it calls each,
// which must read the value and reports whether the name is new.
func (r *reader) mapping(each func(name string) bool) {
	if !r.take('{') || r.depth >= maxDepth {
		r.fail()
		return
	}
	if r.take('}') {
		return
	}
	for !r.failed {
		name := r.string()
		if !r.take(':') || !each(name) {
			r.fail()
			return
		}
		if r.take('}') {
			return
		}
		if !r.take(',') {
			r.fail()
		}
	}
}

// array reads an array. It calls each for each element, which must read it.
func (r *reader) array(each func()) {
	if !r.take('[') || r.depth >= maxDepth {
		r.fail()
		return
	}
	if r.take(']') {
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	for !r.failed {
		each()
		if r.take(']') {
			return
		}
		if !r.take(',') {
			r.fail()
		}
	}
}

// strings reads an array of strings into the given slice.
func (r *reader) strings(into []string) []string {
	r.array(func() { into = append(into, r.string()) })
	return into
}

// skip reads a value of any kind, as strictly as the others.
func (r *reader) skip() {
	switch c := r.peek(); c {
	case '{':
		r.object(func(string) { r.skip() })
	case '[':
		r.array(r.skip)
	case '"':
		r.string()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.literal("null")
	default:
		r.number()
	}
}

// literal reads one of the three words.
func (r *reader) literal(word string) {
	if !strings.HasPrefix(r.text[r.at:], word) {
		r.fail()
		return
	}
	r.at += len(word)
}

// bool reads true or false.
func (r *reader) bool() bool {
	if r.peek() == 't' {
		r.literal("true")
		return !r.failed
	}
	r.literal("false")
	return false
}

// string reads a string.
func (r *reader) string() string {
	if !r.take('"') {
		r.fail()
		return ""
	}
	start := r.at
	r.wide = false
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			text := r.text[start:i]
			if r.wide && !utf8.ValidString(text) {
				r.fail()
				return ""
			}
			return text
		case c == '\\':
			return r.escaped(start, i)
		case c < 0x20:
			r.fail()
			return ""
		case c >= utf8.RuneSelf:
			r.wide = true
		}
	}
	r.fail()
	return ""
}

// escaped reads on from the first escape of a string.
func (r *reader) escaped(start, at int) string {
	text := append(make([]byte, 0, 2*(at-start)+16), r.text[start:at]...)
	r.wide = true // it may well be
	for at < len(r.text) {
		c := r.text[at]
		at++
		switch {
		case c == '"':
			r.at = at
			if !utf8.Valid(text) {
				r.fail()
				return ""
			}
			return string(text)
		case c < 0x20:
			r.fail()
			return ""
		case c != '\\':
			text = append(text, c)
			continue
		}
		if at >= len(r.text) {
			break
		}
		c = r.text[at]
		at++
		switch c {
		case '"', '\\', '/':
			text = append(text, c)
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			char, ok := r.hex(at)
			at += 4
			if ok && utf16.IsSurrogate(char) {
				low, paired := r.hex(at + 2)
				paired = paired && r.text[at] == '\\' && r.text[at+1] == 'u'
				at += 6
				char = utf16.DecodeRune(char, low)
				ok = paired && char != utf8.RuneError
			}
			if !ok {
				r.fail()
				return ""
			}
			text = utf8.AppendRune(text, char)
		default:
			r.fail()
			return ""
		}
	}
	r.fail()
	return ""
}

// hex reads the four digits of an escape.
func (r *reader) hex(at int) (rune, bool) {
	if at+4 > len(r.text) {
		return 0, false
	}
	var char rune
	for _, c := range []byte(r.text[at : at+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		char = char<<4 | rune(c)
	}
	return char, true
}

// number reads a number and returns it as it is written.
func (r *reader) number() string {
	r.peek()
	start := r.at
	if r.at < len(r.text) && r.text[r.at] == '-' {
		r.at++
	}
	zero := r.at < len(r.text) && r.text[r.at] == '0'
	if n := r.digits(); n == 0 || zero && n > 1 {
		r.fail()
		return ""
	}
	if r.at < len(r.text) && r.text[r.at] == '.' {
		r.at++
		if r.digits() == 0 {
			r.fail()
			return ""
		}
	}
	if r.at < len(r.text) && (r.text[r.at] == 'e' || r.text[r.at] == 'E') {
		r.at++
		if r.at < len(r.text) && (r.text[r.at] == '+' || r.text[r.at] == '-') {
			r.at++
		}
		if r.digits() == 0 {
			r.fail()
			return ""
		}
	}
	return r.text[start:r.at]
}

// digits consumes decimal digits and counts them.
func (r *reader) digits() int {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}

// natural reads a whole number from 0 to 2^53-1, without sign, fraction or
// exponent: what every JSON implementation reads alike (RFC 8259 section 6).
func (r *reader) natural() uint64 {
	text := r.number()
	n, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		r.fail()
		return 0
	}
	return n
}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// seconds reads a NumericDate (RFC 7519 section 2) up to the year 9999 and drops
// a fraction.
func (r *reader) seconds() int64 {
	text := r.number()
	n, i := int64(0), 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9' && n <= lastSecond; i++ {
		n = n*10 + int64(text[i]-'0')
	}
	if i == 0 || n > lastSecond || i < len(text) && (text[i] != '.' || strings.ContainsAny(text[i:], "eE")) {
		r.fail()
		return 0
	}
	return n
}

// refuse skips the value of a member that is not known, unless its name differs
// from a known one in nothing but case: another reader might take it for that.
func (r *reader) refuse(name string, known []string) {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			r.fail()
			return
		}
	}
	r.skip()
}
