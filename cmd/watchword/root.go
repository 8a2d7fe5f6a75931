package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "watchword",
		Short: "Sign-in server: users, sessions, and tokens that are replaced at every use.",
		Long: `Sign-in server: users, sessions, and tokens that are replaced at every use.

'watchword serve' needs no setting: it makes a folder for its data, prints
where, and serves on http://127.0.0.1:8080. The other commands work on the same
data, while the server runs or not. Run them in the same folder, or say
--data FOLDER.`,
		Example: `  watchword serve
  watchword user add --role admin ada
  watchword session list --user ada`,
		Args: cobra.ArbitraryArgs,
		RunE: p.group,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
		SilenceErrors: true, // report does it
		SilenceUsage:  true,
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(p.out, cmd) })
	root.SetHelpCommand(p.help(root))
	root.Version = readBuild().String()
	root.SetVersionTemplate("watchword {{.Version}}\n")
	root.AddCommand(p.serve(), p.ready(), p.user(), p.session(), p.key(), p.client(), p.backup(), p.restore(), p.migrate(), p.secret(), p.token(), p.version(), p.reference())
	return root
}

// help is for those who write "watchword help user add".
func (p *program) help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]",
		Short:  "Tell more of a command.",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 && cmd.HasAvailableSubCommands() {
				return p.group(cmd, rest)
			}
			return cmd.Help()
		},
	}
}

// group is what a command does that only has commands below it.
func (p *program) group(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if len(args) == 0 {
		if !cmd.HasParent() {
			return cmd.Help()
		}
		return mend(&misuse{fmt.Errorf("%s needs to know what to do", cmd.CommandPath())},
			"it is one of %s", strings.Join(names, ", "))
	}
	err := &misuse{fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])}
	if near := nearest(args[0], names); near != "" {
		return mend(err, "did you mean '%s %s'?", cmd.CommandPath(), near)
	}
	return mend(err, "run '%s --help'", cmd.CommandPath())
}

// wrongFlag words what pflag says about the command line.
func wrongFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return &misuse{err}
	}
	name := unknown.GetSpecifiedName()
	if s, ok := find(name); ok && s.secret {
		return mend(&misuse{fmt.Errorf("there is no flag --%s: every user of this machine can read a command line", name)},
			"put the secret into %s or .env", s.env())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(name, names); near != "" {
		return mend(&misuse{err}, "did you mean --%s?", near)
	}
	return &misuse{err}
}

// atMost checks that there is no argument beyond the names in the usage line.
func atMost(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return &misuse{fmt.Errorf("%s does not know what to do with %q", cmd.CommandPath(), args[len(names)])}
		}
		return nil
	}
}

// atLeastOne checks that there is an argument.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &misuse{fmt.Errorf("%s needs %s", cmd.CommandPath(), name)}
		}
		return nil
	}
}

// exactly checks the number of arguments against the names in the usage line.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return &misuse{fmt.Errorf("%s needs %s", cmd.CommandPath(), names[len(args)])}
		}
		return atMost(names...)(cmd, args)
	}
}
