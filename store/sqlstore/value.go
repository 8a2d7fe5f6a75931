package sqlstore

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/internal/uuid"
)

// The types in this file carry values out of columns: of whatever form the
// driver gives them in, into the form of the contracts. NULL is the zero value.

// id scans 16 bytes.
type id [16]byte

func (v *id) Scan(src any) error {
	switch src := src.(type) {
	case []byte:
		if len(src) == len(v) {
			copy(v[:], src)
			return nil
		}
	case string: // PostgreSQL's uuid
		parsed, err := uuid.Parse(src)
		*v = id(parsed)
		return err
	case nil:
		*v = id{}
		return nil
	}
	return fmt.Errorf("a column with an id holds %T", src)
}

// text scans text or bytes.
type text string

func (v *text) Scan(src any) error {
	switch src := src.(type) {
	case []byte:
		*v = text(src)
	case string:
		*v = text(src)
	case nil:
		*v = ""
	default:
		return fmt.Errorf("a column with text holds %T", src)
	}
	return nil
}

// instant scans microseconds since 1970.
type instant time.Time

func (v *instant) Scan(src any) error {
	switch src := src.(type) {
	case int64:
		*v = instant(time.UnixMicro(src).UTC())
	case nil:
		*v = instant{}
	default:
		return fmt.Errorf("a column with a time holds %T", src)
	}
	return nil
}

// micros is a time as a parameter.
func micros(t time.Time) int64 { return t.UnixMicro() }

// microsOrNull is a time as a parameter, the zero time as NULL.
func microsOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// counter scans a number that only grows. All 64 bits survive the way through a
// signed column.
type counter uint64

func (v *counter) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a column with a number holds %T", src)
	}
	*v = counter(n)
	return nil
}

// roles scans a list of roles.
type roles []string

func (v *roles) Scan(src any) error {
	var packed text
	if err := packed.Scan(src); err != nil {
		return err
	}
	*v = nil
	if packed == "" {
		return nil
	}
	trimmed, ok := strings.CutPrefix(string(packed), " ")
	trimmed, also := strings.CutSuffix(trimmed, " ")
	if !ok || !also {
		return fmt.Errorf("a column with roles holds %q", string(packed))
	}
	for word := range strings.SplitSeq(trimmed, " ") {
		role, err := url.PathUnescape(word)
		if err != nil {
			return fmt.Errorf("a column with roles holds %q: %w", string(packed), err)
		}
		*v = append(*v, role)
	}
	return nil
}

// packRoles puts roles into one text in which packRole finds each.
func packRoles(list []string) string {
	var packed strings.Builder
	for _, role := range list {
		packed.WriteByte(' ')
		packed.WriteString(url.PathEscape(role))
	}
	if packed.Len() > 0 {
		packed.WriteByte(' ')
	}
	return packed.String()
}

// packRole is what a packed list contains if and only if the role is in it.
func packRole(role string) string { return " " + url.PathEscape(role) + " " }

// detail scans what an event adds.
type detail map[string]string

func (v *detail) Scan(src any) error {
	var packed text
	if err := packed.Scan(src); err != nil {
		return err
	}
	*v = nil
	values, err := url.ParseQuery(string(packed))
	if err != nil {
		return fmt.Errorf("a column with an event's detail holds %q: %w", string(packed), err)
	}
	if len(values) == 0 {
		return nil
	}
	*v = make(detail, len(values))
	for key := range values {
		(*v)[key] = values.Get(key)
	}
	return nil
}

// packDetail is the detail as one text, in the order of its names.
func packDetail(list map[string]string) string {
	var packed strings.Builder
	for _, key := range slices.Sorted(maps.Keys(list)) {
		if packed.Len() > 0 {
			packed.WriteByte('&')
		}
		packed.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(list[key]))
	}
	return packed.String()
}

// after is the smallest text that sorts behind all that begin with the prefix;
// false if there is none.
func after(prefix string) (string, bool) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1}), true
		}
	}
	return "", false
}

// page is how many rows a query with this limit may return.
func page(limit int) int {
	switch {
	case limit <= 0:
		return 50
	case limit > 1000:
		return 1000
	}
	return limit
}
