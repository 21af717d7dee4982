package commands

import (
	"strings"
	"unicode"
)

// maxQuoted bounds how much of a person's own text a reply repeats, in bytes.
const maxQuoted = 60

// quote makes untrusted text a Markdown code span that cannot end early and
// mentions nobody: printable ASCII and letters of any script, without backticks and @,
// cut to about 60.
func quote(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '`' || r == '@' || r < ' ' || r > '~' && (hidden(r) || !unicode.In(r, unicode.L, unicode.M, unicode.N)) {
			continue
		}
		if b.Len() >= maxQuoted {
			break
		}
		b.WriteRune(r)
	}
	safe := strings.TrimSpace(b.String())
	if safe == "" {
		return "that word"
	}
	return "`" + safe + "`"
}

// codeList joins our own words, each as a code span.
func codeList(words []string) string {
	return "`" + strings.Join(words, "`, `") + "`"
}

// refuse says that the command did nothing, why, and what to type instead.
// The problem is a sentence or more without its last full stop.
func (s Spec) refuse(problem string) Outcome {
	next := "Type `/help " + string(s.Name) + "` to see examples."
	if s.Name == NameHelp {
		next = "Type `/help` to see the commands."
	}
	return Outcome{Reply: "`/" + string(s.Name) + "` did not run: " + strings.TrimSuffix(problem, ".") + ".\n\n" +
		"Usage: `" + s.Usage + "`. " + next + "\n"}
}

// unavailable answers a command that this version of the server does not
// carry out yet; what other bots carry out is theirs.
func (s Spec) unavailable() Outcome {
	if s.elsewhere {
		return Outcome{}
	}
	return Outcome{Reply: "`/" + string(s.Name) + "` is not available on this server yet. " +
		"Nothing was done. Type `/help` to see the commands that are.\n"}
}

// hint answers a slip of the pen: nothing runs on a guess.
func (s Spec) hint(typed string) Outcome {
	later := ""
	if !s.Available {
		later = ", which is not available on this server yet"
	}
	return Outcome{Reply: quote("/"+typed) + " is not a command. Did you mean `/" + string(s.Name) + "`" + later + "? " +
		"Nothing was done. Write the command in a new comment.\n"}
}
