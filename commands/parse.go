package commands

import (
	"slices"
	"strings"
)

// maxComment bounds a comment that carries a command, in bytes.
const maxComment = 4 << 10

// Parse reads the body of a newly created comment. app is the name by which people
// mention the App at GitHub (its slug); it may be empty. Parse has no effects, and the
// same body always gives the same outcome.
func Parse(body, app string) Outcome {
	return parse(body, app, func(s Spec) bool { return s.Available })
}

// parse is Parse with the question of what is available left open, so that the
// grammar of every command can be tested.
func parse(body, app string, isAvailable func(Spec) bool) Outcome {
	word, isSlash := leadingWord(body)
	if !isSlash {
		return nearly(body, app, isAvailable)
	}
	spec, known := find(Name(word))
	if !known {
		if got := copied(body, app, isAvailable); !got.Ignored() {
			return got
		}
		return suggest(word)
	}
	line, rest, _ := strings.Cut(body, "\n")
	line = strings.TrimSuffix(line, "\r")
	words, plain := splitLine(line)
	if !isAvailable(spec) {
		return spec.unavailable()
	}
	if problem := checkShape(body, plain, rest, isAvailable); problem != "" {
		return spec.refuse(problem)
	}
	c := &Command{Name: spec.Name, Line: line}
	if problem := spec.read(c, words[1:]); problem != "" {
		return spec.refuse(problem)
	}
	return Outcome{Command: c}
}

// leadingWord returns the printable ASCII word after the slash at byte 0.
func leadingWord(line string) (word string, isSlash bool) {
	tail, isSlash := strings.CutPrefix(line, "/")
	if !isSlash {
		return "", false
	}
	end := strings.IndexFunc(tail, func(r rune) bool { return r <= ' ' || r > '~' })
	if end >= 0 {
		tail = tail[:end]
	}
	return tail, true
}

// splitLine returns the words of a line, and the line without the addresses and the names of projects in it, which may hold
// letters of any script: a key of a resource goes on to its quote, whatever is in it, and so does a directory in quotes.
// Nothing here reaches a shell: each word is one argument of terraform.
func splitLine(line string) (words []string, plain string) {
	var b strings.Builder
	for rest := line; ; {
		trimmed := strings.TrimLeft(rest, " ")
		b.WriteString(rest[:len(rest)-len(trimmed)])
		if rest = trimmed; rest == "" {
			return words, b.String()
		}
		end := wordEnd(rest)
		word := rest[:end]
		words, rest = append(words, word), rest[end:]
		switch {
		case isAddressFlag(words):
			name, _, _ := strings.Cut(word, "=")
			word = name + "="
		case len(words) > 1 && !slices.Contains(words, "--") && selector(word) != "":
			word = ""
		}
		b.WriteString(word)
	}
}

// isAddressFlag tells that the last word is a terraform flag whose value is an address.
func isAddressFlag(words []string) bool {
	last := len(words) - 1
	name, value, _ := strings.Cut(words[last], "=")
	return slices.Contains(words[:last], "--") && (name == "-target" || name == "-replace") && isAddress(value)
}

// wordEnd is where a word ends: at a space that is neither in a key nor in a quoted directory or reason.
func wordEnd(text string) int {
	inKey := false
	for i := 0; i < len(text); i++ {
		switch {
		case inKey && text[i] == '\\':
			i++
		case inKey && text[i] == '"':
			inKey = false
		case !inKey && text[i] == '"' && (i == 0 || strings.HasSuffix(text[:i], "[") || text[:i] == keyReason+"="):
			inKey = true
		case !inKey && text[i] == ' ':
			return i
		}
	}
	if inKey { // never closed, so it is no key
		if end := strings.IndexByte(text, ' '); end >= 0 {
			return end
		}
	}
	return len(text)
}

// checkShape tests what holds for every command, whatever its grammar.
func checkShape(body, line, rest string, isAvailable func(Spec) bool) (problem string) {
	if len(body) > maxComment {
		return "the comment is longer than 4 KiB. Write the command in a comment of its own"
	}
	for _, r := range line {
		if r < ' ' || r > '~' {
			return "the line holds a character that is not plain ASCII outside of a directory's name, such as a typographic dash or quote, a tab or a no-break space. Type it again with plain characters"
		}
	}
	for _, other := range strings.FieldsFunc(rest, func(r rune) bool { return r == '\n' || r == '\r' }) {
		word, isSlash := leadingWord(other)
		if other, known := find(Name(word)); isSlash && known && (isAvailable(other) || !other.elsewhere) {
			return "only one command per comment, and " + quote("/"+word) + " is a second one. Write each in a comment of its own"
		}
	}
	if i := strings.IndexAny(line, "$`%"); i >= 0 {
		return "the line holds a dollar sign, a backtick or a percent sign. No command takes those, and nothing in a comment is expanded"
	}
	return ""
}

// read fills c from the words after the name of the command.
func (s Spec) read(c *Command, words []string) (problem string) {
	var tail []string
	if i := slices.Index(words, "--"); i >= 0 {
		words, tail = words[:i], words[i+1:]
	}
	if len(tail) > 0 {
		c.Flags = tail
	}
	switch s.takes {
	case takesSubcommand:
		sub, rest, problem := parseSubcommand(words)
		if problem != "" {
			return problem
		}
		c.Subcommand = sub.name
		if problem := s.readWords(c, rest); problem != "" {
			return problem
		}
		return sub.check(tail)
	case takesTopic:
		problem = readTopic(c, words)
	default:
		problem = s.readWords(c, words)
	}
	if problem != "" {
		return problem
	}
	return checkFlags(tail, s.flags)
}

// readWords reads project selectors and key=value arguments.
func (s Spec) readWords(c *Command, words []string) (problem string) {
	for _, word := range words {
		name, val, isKey := strings.Cut(word, "=")
		selected := selector(word)
		switch {
		case strings.HasPrefix(word, "-"):
			return s.misplacedFlag(word)
		case isKey && selected == "":
			problem = s.readKey(c, name, val)
		case s.takes == takesNothing:
			problem = "it is about all of the pull request, so it takes no project"
		case c.Args[keyReason] != "":
			problem = quote(word) + " stands behind the reason. A reason of several words goes in double quotes, such as `reason=\"the author left\"`, " +
				"and projects stand before it"
		case selected == "":
			problem = quote(word) + " is not a project name or a pattern for one"
		case !slices.Contains(c.Projects, selected):
			c.Projects = append(c.Projects, selected)
		}
		if problem != "" {
			return problem
		}
	}
	return ""
}

// misplacedFlag says where a flag goes, with what can be copied when it is right there.
func (s Spec) misplacedFlag(flag string) (problem string) {
	problem = quote(flag) + " begins with a dash: terraform flags go after `--`"
	if len(s.flags) > 0 && len(flag) <= maxQuoted && checkFlags([]string{flag}, s.flags) == "" {
		problem += ", as in `/" + string(s.Name) + " -- " + flag + "`"
	}
	return problem
}

func (s Spec) readKey(c *Command, name, val string) (problem string) {
	i := slices.IndexFunc(s.keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return quote(name) + " is not an argument of `/" + string(s.Name) + "`" + s.takesKeys()
	}
	k := s.keys[i]
	if _, twice := c.Args[name]; twice {
		return quote(name) + " is given twice"
	}
	if _, both := c.Args[k.excludes]; both {
		return "`" + name + "` and `" + k.excludes + "` exclude each other"
	}
	if !k.value.ok(val) {
		return "`" + name + "` takes " + k.value.describe + ", not " + quote(val)
	}
	if c.Args == nil {
		c.Args = map[string]string{}
	}
	c.Args[name] = strings.Trim(val, `"`)
	return ""
}

// takesKeys ends a refusal with the keys that would have been right.
func (s Spec) takesKeys() string {
	if len(s.keys) == 0 {
		return ", which takes no `name=value`"
	}
	names := make([]string, len(s.keys))
	for i, k := range s.keys {
		names[i] = k.name + "="
	}
	return ", which takes " + codeList(names)
}

// readTopic reads the one word of /help; the slash may be typed or not.
func readTopic(c *Command, words []string) (problem string) {
	if len(words) == 0 {
		return ""
	}
	if len(words) > 1 {
		return "it takes the name of one command"
	}
	topic := strings.TrimPrefix(words[0], "/")
	if _, known := find(Name(topic)); !known {
		return quote(words[0]) + " is not a command"
	}
	c.Args = map[string]string{keyTopic: topic}
	return ""
}
