package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// helpful adds to what cobra says of a mistake in a command line where the help is, and
// what may have been meant.
func helpful(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
}

// noArgs is for groups of commands, and for commands that take flags alone.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasSubCommands():
		return helpful(cmd, fmt.Errorf("%q is too much: this command takes flags alone", args[0]))
	}
	said := fmt.Sprintf("unknown command %q", args[0])
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2 // as cobra's own
	}
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		said += " (did you mean " + meant[0] + "?)"
	}
	return helpful(cmd, errors.New(said))
}

// args takes from least to most arguments, called name.
func args(name string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return helpful(cmd, fmt.Errorf("%s is missing", name))
		case len(args) > most:
			return helpful(cmd, fmt.Errorf("%q is too much: give one %s", args[most], name))
		}
		return nil
	}
}
