package commands

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"time"
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

const (
	// maxAddress bounds one resource address, in bytes.
	maxAddress = 512
	// minTTL is the shortest life of an ephemeral environment. The longest is
	// set on the server.
	minTTL = 15 * time.Minute
)

var (
	selectorPattern  = regexp.MustCompile(`^[A-Za-z0-9*?\[._][A-Za-z0-9*?\[\]._/-]{0,127}$`)
	projectPattern   = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._/-]{0,127}$`)
	workspacePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,89}$`)
	lockIDPattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,127}$`)
	wordPattern      = regexp.MustCompile(`^[A-Za-z0-9/][!-~]{0,511}$`)
	ttlPattern       = regexp.MustCompile(`^[1-9][0-9]{0,3}[mh]$`)
	numberPattern    = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)
	// addressPattern is a resource or module address: names joined by dots,
	// each with an optional index in brackets (Terraform documentation,
	// "Resource address reference"). Index keys stay free of quotes, escapes
	// and spaces.
	addressPattern = regexp.MustCompile(`^` + addressStep + `(?:\.` + addressStep + `)*$`)
)

const addressStep = `[A-Za-z_][A-Za-z0-9_-]*(?:\[(?:[0-9]{1,9}|"[^"\\]{1,256}")\])?`

var (
	projectValue  = value{"the exact name of a project", projectPattern.MatchString}
	overrideValue = value{"`policy`", func(s string) bool { return s == "policy" }}
	ttlValue      = value{"a time such as `90m` or `4h`, at least `15m`", func(s string) bool { _, err := parseTTL(s); return err == nil }}

	addressValue     = value{"a resource address such as `module.vpc` or `aws_instance.web[0]`", func(s string) bool { return len(s) <= maxAddress && addressPattern.MatchString(s) }}
	falseValue       = value{"`false`", func(s string) bool { return s == "false" }}
	parallelismValue = value{"a number from 1 to 256", isParallelism}
	wordValue        = value{"an identifier", wordPattern.MatchString}
	lockIDValue      = value{"the ID of a lock", lockIDPattern.MatchString}
	workspaceValue   = value{"the name of a workspace", workspacePattern.MatchString}
	graphValue       = value{"`plan`, `plan-refresh-only`, `plan-destroy` or `apply`", isGraphType}
)

func isParallelism(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && numberPattern.MatchString(s) && n <= 256
}

func isGraphType(s string) bool {
	switch s {
	case "plan", "plan-refresh-only", "plan-destroy", "apply":
		return true
	}
	return false
}

// isSelector reports whether s is a project name or a glob that path.Match
// understands.
func isSelector(s string) bool {
	if !selectorPattern.MatchString(s) {
		return false
	}
	_, err := path.Match(s, "")
	return err == nil
}

// parseTTL reads a time of the grammar [1-9][0-9]{0,3}(m|h), at least 15
// minutes; the pattern keeps it below 10,000 hours.
func parseTTL(s string) (time.Duration, error) {
	if !ttlPattern.MatchString(s) {
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
