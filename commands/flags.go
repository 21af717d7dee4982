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
// not allow. An allow-list of a command goes before it.
func refusedFlags() map[string]string {
	out := map[string]string{}
	for _, r := range refusals {
		for _, name := range strings.Fields(r.flags) {
			out[name] = r.reason
		}
	}
	return out
}

// refusals give each flag of terraform an explicit verdict.
var refusals = []struct{ reason, flags string }{
	{"variables come from `lockkeeper.yml` and the server", "-var -var-file"},
	{"files are chosen by the server", "-out -state -state-out -backup -backup-out -config -chdir -generate-config-out -plugin-dir " +
		"-test-directory -cloud-run -filter -junit-xml -plan -write -target-file -exclude-file -json-into"},
	{"it only changes how the output looks", "-module-depth -no-color -compact-warnings -concise " +
		"-list -deprecation -consolidate-warnings -consolidate-errors"},
	{"the backend comes from the project", "-backend -backend-config"},
	{"the root module comes from the project", "-from-module"},
	{"the state stays locked while terraform runs", "-lock"},
	{"the server decides how long to wait", "-lock-timeout"},
	{"the lock file comes from the commit", "-lockfile"},
	{"it can skip a safety check", "-force -force-copy -auto-approve -ignore-remote-version -migrate-state -reconfigure"},
	{"it belongs to `/plan`", "-target -replace -refresh -refresh-only"},
	{"versions come from the commit", "-upgrade -update"},
	{"every job installs its modules by itself", "-get"},
	{"remove from the configuration what is to be destroyed, and the plan destroys it", "-destroy"},
	{"its output can hold secrets", "-raw -json -show-sensitive -verbose"},
	{"nobody can answer questions there", "-input"},
	{"name what to plan with `-target`", "-exclude"},
	{"the server reads the plan itself", "-detailed-exitcode"},
	{"tests are part of the check", "-no-tests"},
	{"type `/help`", "-help"},
	{"type `/terraform version`", "-version"},
	{"the workspace comes from the project", "-or-create"},
	{"nothing may be missing here", "-allow-missing"},
}
