package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is where help is wrapped.
const helpWidth = 96

// writeHelp prints a command's help: what it is for, how it is called, examples,
// the commands below it, and its flags under the headings of the settings table.
func writeHelp(w io.Writer, cmd *cobra.Command) {
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	fmt.Fprintln(w, about)
	fmt.Fprintf(w, "\nUsage\n  %s\n", usageLine(cmd))
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprint(w, "\nCommands\n")
		for _, below := range cmd.Commands() {
			if below.IsAvailableCommand() {
				fmt.Fprintf(w, "  %-10s  %s\n", below.Name(), below.Short)
			}
		}
		fmt.Fprintf(w, "\n'%s COMMAND --help' tells more of one.\n", cmd.CommandPath())
		return
	}

	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	byGroup := make(map[group]*pflag.FlagSet)
	for _, g := range groups {
		byGroup[g] = pflag.NewFlagSet("", pflag.ContinueOnError)
		byGroup[g].SortFlags = false
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			if _, ok := f.Value.(*flagText); !ok {
				own.AddFlag(f)
			}
		}
	})
	for _, s := range settings {
		if f := cmd.Flags().Lookup(s.name); f != nil {
			byGroup[s.group].AddFlag(f)
		}
	}
	writeFlags(w, "Flags", own)
	for _, g := range groups {
		writeFlags(w, string(g), byGroup[g])
	}
	if cmd.Flags().Lookup("config") != nil {
		fmt.Fprint(w, `
A setting may also come from the environment (WATCHWORD_ACCESS_TTL=5m for
--access-ttl 5m), from .env in the folder one is in, or from the --config file.
A flag wins over the environment, that over .env, and that over the file.
`)
	}
}

// usageLine is how the command is called.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	line := cmd.CommandPath()
	if cmd.HasAvailableFlags() {
		line += " [flags]"
	}
	return strings.TrimSpace(line + " " + arguments)
}

func writeFlags(w io.Writer, heading string, flags *pflag.FlagSet) {
	if usages := flags.FlagUsagesWrapped(helpWidth); usages != "" {
		fmt.Fprintf(w, "\n%s\n%s", heading, usages)
	}
}
