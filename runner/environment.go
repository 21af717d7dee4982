package runner

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// environment is the whole environment of terraform: nothing of it comes from
// this process but what is named here. In particular no TF_CLI_ARGS, TF_LOG or
// TF_DATA_DIR of whoever started the server reaches a job.
//
// GOGC=400 makes Terraform collect its garbage less often. A small plan (init,
// plan and show) then takes 68 ms instead of 98 ms, because most of it is start
// and start makes garbage. GOMEMLIMIT is the other half: near 1 GiB of heap the
// collector works as often as it must, so a large plan does not take four times
// its memory. Providers written in Go inherit both.
func (j *job) environment(lookup func(string) (string, bool)) []string {
	env := map[string]string{
		"HOME":               j.path("home"), // no ~/.terraformrc, no ~/.terraform.d, no credentials
		"TMPDIR":             j.path("home"),
		"LANG":               "C.UTF-8",
		"TF_CLI_CONFIG_FILE": j.cliConfig,
		"TF_DATA_DIR":        ".terraform", // its default: modules have the same path.module in every plan and in its apply
		"TF_IN_AUTOMATION":   "1",
		"TF_INPUT":           "0",
		"CHECKPOINT_DISABLE": "1",
		"GOGC":               "400",
		"GOMEMLIMIT":         "1GiB",
	}
	for _, name := range append([]string{"PATH"}, j.options.Pass...) {
		if v, ok := lookup(name); ok {
			if _, ours := env[name]; !ours {
				env[name] = v
			}
		}
	}
	for name, v := range j.given {
		env[name] = v
	}
	out := make([]string, 0, len(env))
	for name, v := range env {
		out = append(out, name+"="+v)
	}
	slices.Sort(out)
	return out
}

// workspace is what tells a step which workspace is meant. Plan and apply select one
// that does not exist yet as an empty one, without creating it before the apply.
// Init refuses it as soon as its backend has others, and does not need it: every
// backend has the workspace "default", except those that are given one
// workspaces are theirs (a cloud block, backend "remote").
func (j *job) workspace(step string) []string {
	w := j.doc.Project.Workspace
	if w == "" || w == "default" || step == "init" && !j.hasNoDefault() {
		return nil
	}
	return []string{"TF_WORKSPACE=" + w}
}

// ownWorkspaces begins a block of a backend that may have no workspace "default".
var ownWorkspaces = []string{"cloud{", `backend"remote"`, `"cloud"`, `"remote":`}

// hasNoDefault reports whether the project's backend may be one of those. To be
// wrong about it costs a new workspace an init, and a message that says so.
func (j *job) hasNoDefault() bool {
	left, found := int64(maxPlanConfiguration), false
	_ = j.configuration(path.Clean(j.doc.Project.Dir), &left, func(name string, content []byte) { // what cannot be read Terraform refuses
		text := strings.NewReplacer(" ", "", "\t", "").Replace(string(content))
		found = found || mayHoldBackend(name, content) && slices.ContainsFunc(ownWorkspaces, func(block string) bool { return strings.Contains(text, block) })
	})
	return found
}

// isName reports ASCII letters, digits and underscores, not beginning with a
// digit; more are further bytes that may stand inside. It is no regular
// expression because those would be compiled at every start of a runner.
func isName(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && strings.IndexByte(more, c) < 0) {
			return false
		}
	}
	return s != ""
}

// CheckSecretName reports that a secret may not have this name, because it
// would change which program runs or how, or replace what the job sets itself.
func CheckSecretName(variable string) error {
	upper := strings.ToUpper(variable)
	switch {
	case !isName(variable, ""):
		return fmt.Errorf("a secret cannot be given as %.40q: that is no name of an environment variable", variable)
	case strings.HasPrefix(variable, "TF_VAR_"), strings.HasPrefix(variable, "TF_TOKEN_"):
		return nil
	case slices.Contains([]string{
		"HOME", "PATH", "TMPDIR", "LANG", "IFS", "ENV", "BASH_ENV", "CHECKPOINT_DISABLE",
		"GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "GOMAXPROCS",
	}, upper), strings.HasPrefix(upper, "TF_"), strings.HasPrefix(upper, "LD_"), strings.HasPrefix(upper, "DYLD_"),
		strings.HasPrefix(upper, "GIT_"), strings.HasPrefix(upper, "LOCKKEEPER_"):
		return fmt.Errorf("a secret cannot be given as %s: Lockkeeper sets that variable, or it changes what runs", variable)
	}
	return nil
}

// secretsIn takes the job's secrets out of an environment: those that terraform
// gets, by their names, and all that must not be shown.
func secretsIn(environ []string) (given map[string]string, known []string, problem *run.Problem) {
	given = map[string]string{}
	for _, entry := range environ {
		prefixed, v, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(prefixed, MaskPrefix) {
			known = append(known, v)
		}
		variable, ok := strings.CutPrefix(prefixed, SecretPrefix)
		if !ok {
			continue
		}
		if err := CheckSecretName(variable); err != nil {
			return nil, nil, &run.Problem{
				Code:    "secret_name",
				Message: "The server's configuration names a secret that cannot be used, so nothing ran. Your Lockkeeper administrator has to rename it.",
				Detail:  err.Error(),
			}
		}
		given[variable] = v
		known = append(known, v)
	}
	return given, known, nil
}
