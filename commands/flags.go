package commands

import (
	"slices"
	"strings"
)

// terraformFlag is one terraform flag of an allow-list. The zero value has no ok in
// value: the flag is bare and takes none.
type terraformFlag struct {
	name   string
	value  value
	repeat bool
}

func (f terraformFlag) describe() string {
	if f.value.ok == nil {
		return "`" + f.name + "`"
	}
	text := "`" + f.name + "=…` with " + f.value.describe
	if f.repeat {
		text += ", more than once if need be"
	}
	return text
}

// checkFlags tests words against an allow-list. The problem is empty when all
// of them may be passed on as they are.
func checkFlags(words []string, allowed []terraformFlag) (problem string) {
	if len(words) > 0 && len(allowed) == 0 && strings.HasPrefix(words[0], "-") {
		name, _, _ := strings.Cut(words[0], "=")
		return quote(name) + " is not allowed here" + becauseOf(name) + ". No terraform flag is"
	}
	seen := map[string]bool{}
	for _, word := range words {
		name, val, hasValue := strings.Cut(word, "=")
		if word == "--" {
			return "`--` stands once, before all flags"
		}
		if strings.HasPrefix(word, "--") {
			return quote(word) + " has one dash too many: terraform flags begin with a single `-`"
		}
		if !strings.HasPrefix(word, "-") {
			return quote(word) + " is not a flag: after `--` write flags as `-name=value`, without spaces"
		}
		i := slices.IndexFunc(allowed, func(f terraformFlag) bool { return f.name == name })
		if i < 0 {
			return quote(name) + " is not allowed here" + becauseOf(name) + ". Allowed are " + codeList(flagNames(allowed))
		}
		f := allowed[i]
		switch {
		case seen[name] && !f.repeat:
			return quote(name) + " is given twice"
		case f.value.ok == nil && hasValue:
			return quote(name) + " takes no value"
		case f.value.ok != nil && val == "":
			return quote(name) + " needs a value: write `" + name + "=` and " + f.value.describe
		case f.value.ok != nil && !f.value.ok(val):
			return quote(name) + " takes " + f.value.describe + ", not " + quote(val)
		}
		seen[name] = true
	}
	return ""
}

func flagNames(flags []terraformFlag) []string {
	names := make([]string, len(flags))
	for i, f := range flags {
		names[i] = f.name
	}
	return names
}

// becauseOf explains the refusal of a flag that terraform has and the command
// at hand does not allow.
func becauseOf(name string) string {
	if reason, known := refusedFlags()[name]; known {
		return ": " + reason
	}
	return ""
}

// refusedFlags holds a reason for every terraform flag that some command does
// not allow, so that each flag of terraform has an explicit verdict. An
// allow-list of a command goes before it.
func refusedFlags() map[string]string {
	const (
		variables = "variables come from `lockkeeper.yml` and the server"
		files     = "files are chosen by the server"
		locks     = "the state stays locked while terraform runs"
		text      = "it only changes how the output looks"
		asks      = "nobody can answer questions there"
		never     = "it can skip a safety check"
		plans     = "it belongs to `/plan`"
		secrets   = "its output can hold secrets"
	)
	return map[string]string{
		"-var":                   variables,
		"-var-file":              variables,
		"-out":                   files,
		"-state":                 files,
		"-state-out":             files,
		"-backup":                files,
		"-backup-out":            files,
		"-config":                files,
		"-chdir":                 files,
		"-generate-config-out":   files,
		"-plugin-dir":            files,
		"-test-directory":        files,
		"-cloud-run":             files,
		"-filter":                files,
		"-junit-xml":             files,
		"-plan":                  files,
		"-module-depth":          text,
		"-write":                 files,
		"-backend":               "the backend comes from the project",
		"-backend-config":        "the backend comes from the project",
		"-from-module":           "the root module comes from the project",
		"-lock":                  locks,
		"-lock-timeout":          "the server decides how long to wait",
		"-lockfile":              "the lock file comes from the commit",
		"-force":                 never,
		"-force-copy":            never,
		"-auto-approve":          never,
		"-target":                plans,
		"-replace":               plans,
		"-refresh":               plans,
		"-refresh-only":          plans,
		"-ignore-remote-version": never,
		"-migrate-state":         never,
		"-reconfigure":           never,
		"-upgrade":               "versions come from the commit",
		"-update":                "versions come from the commit",
		"-get":                   "every job installs its modules by itself",
		"-destroy":               "type `/destroy`",
		"-raw":                   secrets,
		"-json":                  secrets,
		"-show-sensitive":        secrets,
		"-verbose":               secrets,
		"-input":                 asks,
		"-no-color":              text,
		"-compact-warnings":      text,
		"-concise":               text,
		"-list":                  text,
		"-deprecation":           text,
		"-consolidate-warnings":  text,
		"-consolidate-errors":    text,
		"-target-file":           files,
		"-exclude-file":          files,
		"-json-into":             files,
		"-exclude":               "name what to plan with `-target`",
		"-detailed-exitcode":     "the server reads the plan itself",
		"-no-tests":              "tests are part of the check",
		"-help":                  "type `/help`",
		"-version":               "type `/terraform version`",
		"-or-create":             "the workspace comes from the project",
		"-allow-missing":         "nothing may be missing here",
	}
}
