package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/joho/godotenv"
	"github.com/spf13/pflag"
)

// flagged is the source of what was said on the command line.
func flagged(flags *pflag.FlagSet) source {
	from := make(source)
	flags.Visit(func(f *pflag.Flag) {
		if value, ok := f.Value.(*flagText); ok {
			from[f.Name] = given{where: "--" + f.Name, texts: value.texts}
		}
	})
	return from
}

// flagText keeps a flag's text until all sources are known.
type flagText struct {
	setting setting
	texts   []string
}

func (f *flagText) String() string { return strings.Join(f.texts, ",") }

// Type implements pflag.Value: it is what the help shows for a value.
func (f *flagText) Type() string {
	if f.setting.bare {
		return "bool"
	}
	return f.setting.form
}

// Set implements pflag.Value. A setting that does not repeat takes the last text.
func (f *flagText) Set(text string) error {
	if !f.setting.list {
		f.texts = nil
	}
	f.texts = append(f.texts, text)
	return nil
}

// register adds the flags of the settings that are wanted.
func register(flags *pflag.FlagSet, wanted func(setting) bool) {
	for _, s := range settings {
		if s.secret || !wanted(s) {
			continue
		}
		flags.Var(&flagText{setting: s}, s.name, s.help)
		added := flags.Lookup(s.name)
		added.DefValue = s.fallback
		if s.bare {
			added.NoOptDefVal = "true"
		}
	}
}

// foreign are names that look like ours and are not: what Kubernetes sets in
// every container beside a service called "watchword", and our own tests'.
var foreign = regexp.MustCompile(`^WATCHWORD_(TEST_.*|SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_[A-Z]+(_[A-Z]+)?)?)$`)

// environment is the source of NAME=value pairs. An empty value is none. Of our
// own name and a tutorial's, ours counts.
func environment(pairs []string, suffix string) (source, error) {
	from, names := make(source), make(map[string]setting)
	for _, s := range settings {
		names[s.env()] = s
	}
	var seeds []string
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		s, known := names[name]
		switch {
		case known && value != "":
			from[s.name] = given{where: name + suffix, texts: []string{value}}
		case !known && strings.HasPrefix(name, envPrefix) && !foreign.MatchString(name):
			return nil, unknownSetting(name, suffix, slices.Sorted(maps.Keys(names)))
		case value != "":
			seeds = append(seeds, pair)
		}
	}
	for _, s := range settings {
		if s.seed == "" {
			continue
		}
		for _, pair := range seeds {
			value, ok := strings.CutPrefix(pair, s.seed+"=")
			if _, ours := from[s.name]; ok && !ours {
				from[s.name] = given{where: s.seed + suffix, texts: []string{value}}
			}
		}
	}
	return from, nil
}

func unknownSetting(name, suffix string, candidates []string) error {
	err := fmt.Errorf("unknown setting %s%s", name, suffix)
	if near := nearest(name, candidates); near != "" {
		return mend(err, "did you mean %s?", near)
	}
	return mend(err, "'watchword serve --help' lists the settings")
}

// readDotenv reads the NAME=value pairs of .env in a folder, if there is one.
// Values are taken literally: a $ in a secret is a dollar sign, as it is for the
// tutorials' dotenv, and no reference.
func readDotenv(dir string) ([]string, error) {
	const dollar = "\uE000"
	content, err := os.ReadFile(filepath.Join(dir, ".env"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, mend(fmt.Errorf("read .env: %w", err), "make it readable to this user, or move it away")
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(content), "\uFEFF"), "$", dollar)
	values, err := godotenv.Unmarshal(text)
	if err != nil {
		// The library's message quotes the file from the error on, secrets and all.
		return nil, mend(fmt.Errorf(".env cannot be read from line %d on", brokenLine(text)), "write one NAME=value a line, the value in quotes if it holds spaces or #")
	}
	pairs := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, name+"="+strings.ReplaceAll(values[name], dollar, "$"))
	}
	return pairs, nil
}

// brokenLine is the line after the last one up to which the text can be read.
func brokenLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := godotenv.Unmarshal(strings.Join(lines[:n], "")); err == nil {
			return n + 1
		}
	}
	return 1
}

// readFile reads the settings of a TOML file.
func readFile(path string) (source, error) {
	var values map[string]any
	_, err := toml.DecodeFile(path, &values)
	if broken, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, mend(fmt.Errorf("%s, line %d: %s", path, broken.Position.Line, broken.Message), "write TOML: name = \"value\"")
	}
	if err != nil {
		return nil, mend(fmt.Errorf("read the settings: %w", err), "name a file that this user can read with --config")
	}
	var names []string
	for _, s := range settings {
		if !s.secret && s.name != "config" {
			names = append(names, s.name)
		}
	}
	from, suffix := make(source), " in "+path
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s, known := find(name)
		switch {
		case !known || name == "config":
			return nil, unknownSetting(name, suffix, names)
		case s.secret:
			return nil, mend(fmt.Errorf("%s%s is a secret, and files of settings are copied and shared", name, suffix), "put it into %s or .env", s.env())
		}
		texts, err := written(values[name], s.list)
		if err != nil {
			return nil, mend(fmt.Errorf("%s%s: %w", name, suffix, err), "write %s = \"value\"", name)
		}
		from[name] = given{where: name + suffix, texts: texts}
	}
	return from, nil
}

// written turns a TOML value into the text that one would give in a flag.
func written(value any, list bool) ([]string, error) {
	switch value := value.(type) {
	case string:
		return []string{value}, nil
	case bool, int64:
		return []string{fmt.Sprint(value)}, nil
	case []any:
		if !list {
			return nil, errors.New("it takes one value, not a list")
		}
		var texts []string
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, errors.New("its list holds something else than text")
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	return nil, errors.New("it takes text")
}
