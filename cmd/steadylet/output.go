package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/steadylet/steadylet/internal/asyaml"
)

func terminal(fd int) bool { return term.IsTerminal(fd) }

// absolute returns the path as seen from the root; nothing stays nothing.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

// addOutput adds the flag -o, with further formats that print does not know. check,
// called after the flag is parsed, returns the format.
func addOutput(cmd *cobra.Command, a app, further ...string) (check func() (string, error)) {
	formats := append([]string{"json", "yaml", "table"}, further...)
	last := len(formats) - 1
	known := strings.Join(formats[:last], ", ") + " or " + formats[last]
	format := cmd.Flags().StringP("output", "o", "", known+" (default: table on a terminal, else json)")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // fails only without the flag
	return func() (string, error) {
		switch {
		case *format == "" && isTerminal(a.out):
			return "table", nil
		case *format == "":
			return "json", nil
		case slices.Contains(formats, *format):
			return *format, nil
		}
		return "", fmt.Errorf("-o %s is not known: want %s", *format, known)
	}
}

// settled returns the format that output has once the other flags are settled too.
func settled(output func() (string, error), finish func() error) (string, error) {
	format, err := output()
	if err != nil {
		return "", err
	}
	return format, finish()
}

// print writes a value in that format; table writes it as one.
func print(w io.Writer, format string, value any, table func(*tabwriter.Writer)) error {
	if format == "table" {
		rows := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		table(rows)
		return rows.Flush()
	}
	var data []byte
	var err error
	if format == "yaml" {
		data, err = asyaml.Marshal(value)
	} else {
		data, err = json.MarshalIndent(value, "", "  ")
		data = append(data, '\n')
	}
	if err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// when writes a time for people.
func when(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
