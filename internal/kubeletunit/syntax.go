package kubeletunit

import (
	"errors"
	"fmt"
	"strings"
)

// service is what is read of a unit's section [Service].
type service struct {
	execStart                     string
	environment, environmentFiles []string
}

// add reads a unit file or a drop-in. An empty assignment undoes those before it
// (systemd.syntax(7)).
func (s *service) add(text string) error {
	inService := false
	for line := range strings.Lines(joinLines(withoutComments(text))) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line[0] == '[':
			inService = line == "[Service]"
		case inService:
			name, value, _ := strings.Cut(line, "=")
			if err := s.set(strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *service) set(name, value string) error {
	switch name {
	case "ExecStart":
		s.execStart = value
	case "EnvironmentFile":
		s.environmentFiles = append(s.environmentFiles, value)
		if value == "" {
			s.environmentFiles = nil
		}
	case "Environment":
		words, err := split(value)
		if err != nil {
			return fmt.Errorf("the assignment of Environment: %w", err)
		}
		s.environment = append(s.environment, words...)
		if value == "" {
			s.environment = nil
		}
	}
	return nil
}

// withoutComments leaves the comments of a unit out, before lines are joined: the
// backslash of one joins nothing, and one may lie between joined lines
// (systemd.syntax(7)).
func withoutComments(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if start := strings.TrimLeft(line, " \t"); start == "" || start[0] != '#' && start[0] != ';' {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// joinLines joins lines that end with a backslash to the next.
func joinLines(text string) string {
	return strings.ReplaceAll(text, "\\\n", " ")
}

// parseEnvironment reads NAME=value lines (EnvironmentFile= in systemd.exec(5)).
func parseEnvironment(text string, environment map[string]string) {
	for line := range strings.Lines(joinLines(text)) {
		line = strings.TrimSpace(line)
		name, value, assigned := strings.Cut(line, "=")
		if !assigned || line[0] == '#' || line[0] == ';' {
			continue
		}
		if words, err := split(value); err == nil && strings.ContainsAny(value, `"'`) {
			value = strings.Join(words, " ")
		}
		environment[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
}

var errQuote = errors.New("a quote is not closed")

// split splits a line into words, as systemd does: at white space, outside of quotes.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	open, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, open = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 || escaped {
		return nil, errQuote
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// expand makes the command line of an ExecStart: $NAME alone becomes the words of its
// value, ${NAME} within a word its value as it is (systemd.service(5)).
func expand(line string, environment map[string]string) ([]string, error) {
	words, err := split(strings.TrimLeft(line, "@-:+!"))
	if err != nil {
		return nil, err
	}
	var args []string
	for _, word := range words {
		if name, isVariable := strings.CutPrefix(word, "$"); isVariable && isName(name) {
			values, err := split(environment[name])
			if err != nil {
				return nil, fmt.Errorf("the value of $%s: %w", name, err)
			}
			args = append(args, values...)
			continue
		}
		args = append(args, substitute(word, environment))
	}
	return args, nil
}

func isName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

func substitute(word string, environment map[string]string) string {
	var out strings.Builder
	for word != "" {
		switch {
		case strings.HasPrefix(word, "$$"), strings.HasPrefix(word, "%%"):
			out.WriteByte(word[0])
			word = word[2:]
			continue
		case strings.HasPrefix(word, "${"):
			if name, rest, closed := strings.Cut(word[2:], "}"); closed && isName(name) {
				out.WriteString(environment[name])
				word = rest
				continue
			}
		}
		out.WriteByte(word[0])
		word = word[1:]
	}
	return out.String()
}
