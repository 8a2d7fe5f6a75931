package mongostore

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// text is bytes as a string of the database, which must be UTF-8: each byte is the
// character of its number. Different bytes are different strings, and sort as the
// bytes do.
func text(s string) string {
	i := 0
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(2 * len(s))
	for ; len(s) > 0; s = s[1:] {
		b.WriteRune(rune(s[0]))
	}
	return b.String()
}

// bytesOf is what text was made of.
func bytesOf(text string) string {
	if len(text) == utf8.RuneCountInString(text) {
		return text
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}

// after is the smallest text that sorts behind all that begin with the prefix;
// false if there is none.
func after(prefix string) (string, bool) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < math.MaxUint8 {
			return prefix[:i] + string([]byte{prefix[i] + 1}), true
		}
	}
	return "", false
}

// texts is a list of them.
func texts(list []string) []string {
	made := make([]string, len(list))
	for i := range list {
		made[i] = text(list[i])
	}
	return made
}

// raw is an identifier, or a digest, of 16 bytes.
func raw[T ~[16]byte](id T) bson.Binary {
	b := [16]byte(id)
	return bson.Binary{Data: b[:]}
}

// named is a UUID: shells show it as one.
func named[T ~[16]byte](id T) bson.Binary {
	b := raw(id)
	b.Subtype = bson.TypeBinaryUUID
	return b
}

// to16 is what raw or named was made of.
func to16(b bson.Binary) (id [16]byte, err error) {
	if len(b.Data) != len(id) {
		return id, fmt.Errorf("a field with an id holds %d bytes", len(b.Data))
	}
	copy(id[:], b.Data)
	return id, nil
}

// micros is a time; instant is what it was.
func micros(t time.Time) int64 { return t.UnixMicro() }

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// microsOrNone is a time that may not have come: then the field is missing.
func microsOrNone(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	at := t.UnixMicro()
	return &at
}

func instantOrNone(at *int64) time.Time {
	if at == nil {
		return time.Time{}
	}
	return instant(*at)
}

// page is how many documents a query with this limit may return.
func page(limit int) int64 {
	switch {
	case limit <= 0:
		return 50
	case limit > 1000:
		return 1000
	}
	return int64(limit)
}
