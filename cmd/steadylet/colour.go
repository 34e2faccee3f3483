package main

import "fmt"

// warn tells a person what to look at. It is no part of the result.
func (a app) warn(format string, args ...any) {
	fmt.Fprintf(a.err, "%s: %s\n", paint("warning", isTerminal(a.err)), fmt.Sprintf(format, args...))
}

// paint colours the name of a severity, and anything else not. Each text has as many
// bytes around it, so that columns stay columns.
func paint(text string, coloured bool) string {
	if !coloured {
		return text
	}
	code := "39" // the default
	switch text {
	case "ok", "written", "verified":
		code = "32"
	case "unknown":
		code = "35"
	case "warning", "not written":
		code = "33"
	case "error", "DIFFERS", "not verified":
		code = "31"
	}
	return "\x1b[" + code + "m" + text + "\x1b[39m"
}
