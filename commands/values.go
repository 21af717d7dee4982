package commands

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// value is the type of an argument: a test, and a noun phrase for messages.
type value struct {
	describe string
	ok       func(string) bool
}

// key is one key=value argument.
type key struct {
	name  string
	value value
	// excludes is a key that cannot stand beside this one.
	excludes string
}

// minTTL is the shortest life of an ephemeral environment. The longest is set on
// the server.
const minTTL = 15 * time.Minute

var (
	isGlob      = atMost(512, `^[\pL\pN*?\[._][\pL\pM\pN*?\[\]._/-]*$`)
	isQuoted    = atMost(514, `^"[^ "\\/-](?:[^"\\]*[^ "\\])?"$`)
	isProject   = atMost(128, `^[A-Za-z0-9._][A-Za-z0-9._/-]*$`)
	isWorkspace = atMost(90, `^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	isLockID    = atMost(128, `^[A-Za-z0-9][A-Za-z0-9-]*$`)
	isReason    = atMost(100, `^(?:[A-Za-z0-9][A-Za-z0-9._/#-]*|"[ !#-~]*[!#-~][ !#-~]*")$`)
	isWord      = atMost(512, `^[A-Za-z0-9/][!-~]*$`)
	isTTL       = atMost(5, `^[1-9][0-9]*[mh]$`)
	isNumber    = atMost(3, `^[1-9][0-9]*$`)
	// isAddress is a resource or module address: names joined by dots,
	// each with an optional index in brackets (Terraform documentation,
	// "Resource address reference").
	isAddressForm = atMost(512, `^`+addressStep+`(?:\.`+addressStep+`)*$`)
)

// addressStep is a name in any script and an index: a number, or a key in which \" and \\ stand for themselves.
const addressStep = `[\pL_][\pL\pM\pN_-]*(?:\[(?:[0-9]{1,9}|"(?:[^"\\]|\\["\\])+")\])?`

// isAddress keeps out what does not print, and what HCL would take for the beginning of a template.
func isAddress(s string) bool {
	return isAddressForm(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("$`\uFFFD", r) }) &&
		!strings.Contains(s, "%{")
}

// atMost reports texts of up to that many bytes that a pattern describes. Bounds
// inside of patterns would make each hundred times as large.
func atMost(bytes int, pattern string) func(string) bool {
	re := regexp.MustCompile(pattern)
	return func(s string) bool { return len(s) <= bytes && re.MatchString(s) }
}

var (
	projectValue  = value{"the exact name of a project", isProject}
	overrideValue = value{"`policy`", func(s string) bool { return s == "policy" }}
	ttlValue      = value{"a time such as `90m` or `4h`, at least `15m`", func(s string) bool { _, err := parseTTL(s); return err == nil }}

	addressValue     = value{"a resource address such as `module.vpc` or `aws_instance.web[0]`", isAddress}
	falseValue       = value{"`false`", func(s string) bool { return s == "false" }}
	parallelismValue = value{"a number from 1 to 256", isParallelism}
	reasonValue      = value{"one word, or a text in double quotes such as `\"the author left\"`", isReason}
	wordValue        = value{"an identifier", isWord}
	lockIDValue      = value{"the ID of a lock", isLockID}
	workspaceValue   = value{"the name of a workspace", isWorkspace}
	graphValue       = value{"`plan`, `plan-refresh-only`, `plan-destroy` or `apply`", isGraphType}
)

func isParallelism(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && isNumber(s) && n <= 256
}

func isGraphType(s string) bool {
	switch s {
	case "plan", "plan-refresh-only", "plan-destroy", "apply":
		return true
	}
	return false
}

// isSelector reports whether s is the name of a project or of a directory, in any
// script, or a glob of those that path.Match understands.
func isSelector(s string) bool {
	if s == "" || !isGlob(s) && !isQuoted(`"`+s+`"`) || !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) {
		return false
	}
	_, err := path.Match(s, "")
	return err == nil
}

// selector is what a word selects, which stands in double quotes when it has blanks or
// marks. Empty when it is none.
func selector(word string) string {
	switch {
	case isQuoted(word) && isSelector(word[1:len(word)-1]):
		return word[1 : len(word)-1]
	case isGlob(word) && isSelector(word):
		return word
	}
	return ""
}

// hidden tells characters that nobody sees or that steer others, and those that no
// command takes.
func hidden(r rune) bool {
	return !unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || strings.ContainsRune("$`%\uFFFD", r)
}

// parseTTL reads a time of the grammar [1-9][0-9]{0,3}(m|h), at least 15
// minutes; the pattern keeps it below 10,000 hours.
func parseTTL(s string) (time.Duration, error) {
	if !isTTL(s) {
		return 0, fmt.Errorf("reading time %q: want a number and m or h", s)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("reading time %q: %w", s, err)
	}
	if d < minTTL {
		return 0, fmt.Errorf("reading time %q: want at least %s", s, minTTL)
	}
	return d, nil
}
