package main

// paint colours the name of a severity, and anything else not. Each text has as many
// bytes around it, so that columns stay columns.
func paint(text string, coloured bool) string {
	if !coloured {
		return text
	}
	code := "39" // the default
	switch text {
	case "ok", "whole":
		code = "32"
	case "unknown":
		code = "35"
	case "warning":
		code = "33"
	case "error", "DIFFERS", "not verified":
		code = "31"
	}
	return "\x1b[" + code + "m" + text + "\x1b[39m"
}
