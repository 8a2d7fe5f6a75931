package trace

import (
	"encoding/hex"
	"errors"
)

// Parent is what a traceparent header says: the span that a request belongs to.
type Parent struct {
	Trace   ID
	Span    SpanID
	Sampled bool // the caller records its part
}

// ErrParent is returned for what is no traceparent header.
var ErrParent = errors.New("not a traceparent header")

// ParseParent reads a traceparent header (W3C Trace Context, section 3.2): version,
// trace, span and flags in lower-case hexadecimal digits. Of later versions it reads
// what the first has.
func ParseParent(header string) (Parent, error) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Parent{}, ErrParent
	}
	var version, flags [1]byte
	var p Parent
	for _, field := range []struct {
		text string
		into []byte
	}{{header[:2], version[:]}, {header[3:35], p.Trace[:]}, {header[36:52], p.Span[:]}, {header[53:length], flags[:]}} {
		if !lowerHex(field.text) {
			return Parent{}, ErrParent
		}
		if _, err := hex.Decode(field.into, []byte(field.text)); err != nil {
			return Parent{}, ErrParent
		}
	}
	rest := header[length:]
	switch {
	case version[0] == 0xff, version[0] == 0 && rest != "", rest != "" && rest[0] != '-',
		p.Trace == ID{}, p.Span == SpanID{}:
		return Parent{}, ErrParent
	}
	p.Sampled = flags[0]&1 != 0
	return p, nil
}

func lowerHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// String is the header of a request that belongs to this span.
func (p Parent) String() string {
	flags := "-00"
	if p.Sampled {
		flags = "-01"
	}
	return "00-" + p.Trace.String() + "-" + p.Span.String() + flags
}
