package webui

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// english is every text of the pages, by key. "{name}" in a text is a place that
// is filled in.
//
//go:embed texts.json
var english []byte

// texts are the words of the pages by their keys. The key "lang" is the
// language, as HTML wants it.
type texts map[string]string

// English is texts.json: what a translation starts from.
func English() []byte { return bytes.Clone(english) }

// CheckTexts reports what is wrong with a translation.
func CheckTexts(translation []byte) error {
	_, err := readTexts(translation)
	return err
}

// readTexts reads the English texts and puts a translation over them, which may
// lack some, but has none that is not asked for.
func readTexts(translation []byte) (texts, error) {
	var all texts
	if err := json.Unmarshal(english, &all); err != nil {
		return nil, err
	}
	if len(translation) == 0 {
		return all, nil
	}
	var own texts
	if err := json.Unmarshal(translation, &own); err != nil {
		return nil, fmt.Errorf("not a JSON object of strings: %w", err)
	}
	if own["lang"] == "" {
		return nil, errors.New(`"lang" is missing: the language, as in "de" or "pt-BR"`)
	}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		if _, ok := all[key]; !ok {
			return nil, fmt.Errorf("nothing is called %q", key)
		}
		for place := range places(own[key]) {
			if !strings.Contains(all[key], place) {
				return nil, fmt.Errorf("%q has a place %s that is not filled in; the English has: %s", key, place, all[key])
			}
		}
		all[key] = own[key]
	}
	return all, nil
}

// places are the "{name}"s of a text.
func places(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, rest, found := strings.Cut(text, "{")
			name, after, closed := strings.Cut(rest, "}")
			if !found || !closed || !yield("{"+name+"}") {
				return
			}
			text = after
		}
	}
}

// fill is the text of a key with its places filled in: name, value, name, value.
func (t texts) fill(key string, pairs ...any) (string, error) {
	text, ok := t[key]
	if !ok {
		return "", fmt.Errorf("no text is called %q", key)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return text, nil
}

// script is the module that gives the texts to the pages' own scripts: those whose
// keys begin with "admin." only if they are asked for.
func (t texts) script(admin bool) []byte {
	part := texts{}
	for key, text := range t {
		if strings.HasPrefix(key, "admin.") == admin {
			part[key] = text
		}
	}
	encoded, err := json.Marshal(part)
	if err != nil {
		panic(err) // strings always encode
	}
	return slices.Concat([]byte("export default "), encoded, []byte(";\n"))
}
