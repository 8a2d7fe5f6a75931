package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// decodePart reads one of the JSON objects of a JWT. Numbers keep their spelling.
func decodePart(part string) (map[string]any, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("not an object")
	}
	return object, nil
}

// claimText writes a claim for people: times as times, lists with commas.
func claimText(name string, value any, now time.Time) string {
	switch name {
	case "exp", "iat", "nbf", "auth_time":
		if t, ok := moment(value); ok {
			return fmt.Sprintf("%s, %s", stamp(t), relative(t, now))
		}
	}
	switch value := value.(type) {
	case string:
		return value
	case []any:
		var texts []string
		for _, item := range value {
			texts = append(texts, claimText("", item, now))
		}
		return strings.Join(texts, ", ")
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// moment reads a NumericDate (RFC 7519 section 2). What no calendar holds is none.
func moment(value any) (time.Time, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 0 || seconds > 253402300799 { // the end of the year 9999
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

func sortedNames(objects ...map[string]any) []string {
	var names []string
	for _, object := range objects {
		names = slices.AppendSeq(names, maps.Keys(object))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
