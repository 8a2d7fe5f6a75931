package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBody bounds what is read of any request.
const maxBody = 64 << 10

// bodyWithin is how long a client may take to send it.
const bodyWithin = 10 * time.Second

// fields says where the values of a request's body go, by their exact names. A
// place is a *string, a *[]string or a *bool. What is absent or null leaves its
// place as it was.
type fields map[string]any

// media says in which forms a route takes its body.
type media uint8

const (
	jsonOnly   media = iota // application/json
	jsonOrForm              // also application/x-www-form-urlencoded
)

// decode reads the body of a request into its fields, or fails with a Problem
// that says what is wrong where. It is stricter than encoding/json: the body is
// one object, a name is written exactly and once, and nothing unknown and
// nothing more is in it. An empty body has no fields.
func decode(w http.ResponseWriter, r *http.Request, accept media, into fields) error {
	body, err := readBody(w, r)
	if err != nil || len(body) == 0 {
		return err
	}
	kind, err := mediaType(r)
	if err != nil {
		return err
	}
	switch {
	case kind == "application/json" && decodePlain(string(body), into):
		return nil
	case kind == "application/json":
		return decodeJSON(body, into)
	case kind == "application/x-www-form-urlencoded" && accept == jsonOrForm:
		return decodeForm(body, into)
	}
	if accept == jsonOrForm {
		return problem(CodeMediaType, "The Content-Type must be application/json or application/x-www-form-urlencoded.")
	}
	return problem(CodeMediaType, "The Content-Type must be application/json.")
}

// readBody reads the body, of bounded length; access has bounded the time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var body bytes.Buffer
	if length := r.ContentLength; 0 < length && length <= 4<<10 { // a long one is to come first
		body.Grow(int(length) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		return body.Bytes(), nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, problem(CodeBodyTooLarge, "The body has more than %d bytes.", maxBody)
	}
	return nil, problem(CodeBodyInvalid, "The body was not sent whole.").because(err)
}

// mediaType is the type of the request's body: "" if it names none that can be read.
func mediaType(r *http.Request) (string, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return "", problem(CodeMediaType, "The body must not be compressed.")
	}
	written := r.Header.Get("Content-Type")
	if written == "application/json" {
		return written, nil
	}
	kind, parameters, err := mime.ParseMediaType(written)
	if err != nil {
		return "", nil
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "", problem(CodeMediaType, "The body must be in UTF-8.")
	}
	return kind, nil
}

func decodeJSON(body []byte, into fields) error {
	if !utf8.Valid(body) {
		return problem(CodeBodyInvalid, "The body is not valid UTF-8.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	malformed := func(err error) error {
		at := decoder.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		}
		return problem(CodeBodyInvalid, "The body is not valid JSON: see byte %d.", at)
	}
	switch opening, err := decoder.Token(); {
	case err != nil:
		return malformed(err)
	case opening != json.Delim('{'):
		return problem(CodeBodyInvalid, "The body must be a JSON object.")
	}
	seen := make(map[string]bool, len(into))
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return malformed(err)
		}
		name, ok := token.(string)
		if !ok {
			return malformed(nil)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return malformed(err)
		}
		place, err := into.place(name, seen)
		if err != nil {
			return err
		}
		if bytes.Equal(value, []byte("null")) {
			continue
		}
		if err := json.Unmarshal(value, place); err != nil {
			return problem(CodeFieldInvalid, "%q must be %s.", name, wanted(place)).at(name)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return malformed(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return problem(CodeBodyInvalid, "There is something after the JSON object: see byte %d.", decoder.InputOffset())
	}
	return nil
}

func decodeForm(body []byte, into fields) error {
	if !utf8.Valid(body) {
		return problem(CodeBodyInvalid, "The body is not valid UTF-8.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return problem(CodeBodyInvalid, "The body is not a valid form.")
	}
	seen := make(map[string]bool, len(into))
	for name, values := range form {
		place, err := into.place(name, seen)
		if err != nil {
			return err
		}
		for _, value := range values {
			if !utf8.ValidString(value) {
				return problem(CodeFieldInvalid, "%q is not valid UTF-8.", name).at(name)
			}
		}
		if list, ok := place.(*[]string); ok {
			*list = values
			continue
		}
		if len(values) > 1 {
			return repeated(name)
		}
		switch place := place.(type) {
		case *string:
			*place = values[0]
		case *bool:
			if values[0] != "true" && values[0] != "false" {
				return problem(CodeFieldInvalid, "%q must be %s.", name, wanted(place)).at(name)
			}
			*place = values[0] == "true"
		}
	}
	return nil
}

// place finds where the value of a name goes; a name may be seen once.
func (f fields) place(name string, seen map[string]bool) (any, error) {
	place, ok := f[name]
	if !ok {
		return nil, unknown(name)
	}
	if seen[name] {
		return nil, repeated(name)
	}
	seen[name] = true
	return place, nil
}

func repeated(name string) error {
	return problem(CodeFieldInvalid, "%q is there twice.", name).at(name)
}

// unknown names a field that is not known, if it is a name at all: a body of the
// wrong media type makes one out of everything that was sent, passwords included.
func unknown(name string) error {
	if len(name) > 32 || strings.ContainsFunc(name, notInName) || name == "" {
		return problem(CodeFieldInvalid, "The body has a field that is not known here. Is the Content-Type right?")
	}
	return problem(CodeFieldInvalid, "%q is not known here.", name).at(name)
}

func notInName(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_'
}

func wanted(place any) string {
	switch place.(type) {
	case *[]string:
		return "a list of strings"
	case *bool:
		return "true or false"
	}
	return "a string"
}
