package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

//go:generate sh -c "go run . reference > ../../docs/configuration.md"

// reference prints the page of all settings. It is hidden: it is for the
// generator above, and the test that holds the page to the table.
func (p *program) reference() *cobra.Command {
	return &cobra.Command{
		Use:    "reference",
		Short:  "Print docs/configuration.md.",
		Hidden: true,
		Args:   exactly(),
		RunE: func(*cobra.Command, []string) error {
			writeReference(p.out)
			return nil
		},
	}
}

const referenceHead = `<!-- Made by 'go generate ./cmd/watchword' from cmd/watchword/setting.go: change it there. -->

# Configuration

Watchword needs no setting. Each of those below may be given in four places; where several
say something, the first in this list counts:

1. a flag: ` + "`watchword serve --access-ttl 5m`" + `
2. the environment: ` + "`WATCHWORD_ACCESS_TTL=5m`" + `
3. the file ` + "`.env`" + ` in the folder one is in, with the names of the environment
4. the TOML file that ` + "`--config`" + ` names, with the names of the flags: ` + "`access-ttl = \"5m\"`" + `

A name that nobody knows is refused, with the nearest one that is known, and so is a value
that makes no sense. Durations have a unit: ` + "`30s`, `10m`, `12h`, `7d`" + `. A setting that may be
given several times is a list in TOML, and has commas between its values elsewhere. Secrets
are taken from the environment and from ` + "`.env`" + ` alone: every user of a machine can read its
command lines, and files of settings are copied about.

All are settings of ` + "`serve`" + `. The last column says which other commands know the flag; in the
environment and in files they take no notice of what does not concern them.
`

func writeReference(w io.Writer) {
	io.WriteString(w, referenceHead)
	for _, g := range groups {
		fmt.Fprintf(w, "\n## %s\n\n| flag and name in the file | in the environment | value | default | other commands |\n| --- | --- | --- | --- | --- |\n", g)
		for _, s := range settings {
			if s.group == g {
				fmt.Fprintln(w, referenceRow(s))
			}
		}
		for _, s := range settings {
			if s.group == g {
				fmt.Fprintf(w, "\n**%s**: %s.", s.name, s.help)
				if s.more != "" {
					fmt.Fprintf(w, " %s", s.more)
				}
				fmt.Fprintln(w)
			}
		}
	}
}

func referenceRow(s setting) string {
	name, env, fallback, also := "`--"+s.name+"`", "`"+s.env()+"`", "", ""
	if s.secret {
		name = "none"
	}
	if s.seed != "" {
		env += ", `" + s.seed + "`"
	}
	if s.fallback != "" {
		fallback = "`" + s.fallback + "`"
	}
	switch s.also {
	case "all":
		also = "all that open the data"
	case "user", "key", "ready":
		also = "`" + s.also + "`"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", name, env, strings.ReplaceAll(s.form, "|", ", "), fallback, also)
}
