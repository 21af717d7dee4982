package runner

import (
	"fmt"
	"regexp"
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
		"TMPDIR":             j.path("tmp"),
		"LANG":               "C.UTF-8",
		"TF_DATA_DIR":        j.path("data"),
		"TF_CLI_CONFIG_FILE": j.cliConfig,
		"TF_IN_AUTOMATION":   "1",
		"TF_INPUT":           "0",
		"CHECKPOINT_DISABLE": "1",
		"GOGC":               "400",
		"GOMEMLIMIT":         "1GiB",
	}
	// Terraform selects it, and plans against an empty state when it does not
	// exist yet, without creating it: that is what an apply would start from.
	if w := j.doc.Project.Workspace; w != "" && w != "default" {
		env["TF_WORKSPACE"] = w
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

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// CheckSecretName reports that a secret may not have this name, because it
// would change which program runs or how, or replace what the job sets itself.
func CheckSecretName(name string) error {
	upper := strings.ToUpper(name)
	switch {
	case !variableName.MatchString(name):
		return fmt.Errorf("a secret cannot be given as %.40q: that is no name of an environment variable", name)
	case strings.HasPrefix(name, "TF_VAR_"), strings.HasPrefix(name, "TF_TOKEN_"):
		return nil
	case slices.Contains([]string{
		"HOME", "PATH", "TMPDIR", "LANG", "IFS", "ENV", "BASH_ENV", "CHECKPOINT_DISABLE",
		"GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "GOMAXPROCS",
	}, upper), strings.HasPrefix(upper, "TF_"), strings.HasPrefix(upper, "LD_"), strings.HasPrefix(upper, "DYLD_"),
		strings.HasPrefix(upper, "GIT_"), strings.HasPrefix(upper, "LOCKKEEPER_"):
		return fmt.Errorf("a secret cannot be given as %s: Lockkeeper sets that variable, or it changes what runs", name)
	}
	return nil
}

// secretsIn takes the job's secrets out of an environment.
func secretsIn(environ []string) (map[string]string, *run.Problem) {
	out := map[string]string{}
	for _, entry := range environ {
		name, v, _ := strings.Cut(entry, "=")
		name, ok := strings.CutPrefix(name, SecretPrefix)
		if !ok {
			continue
		}
		if err := CheckSecretName(name); err != nil {
			return nil, &run.Problem{
				Code:    "secret_name",
				Message: "The server's configuration names a secret that cannot be used, so nothing ran. Whoever runs Lockkeeper has to rename it.",
				Detail:  err.Error(),
			}
		}
		out[name] = v
	}
	return out, nil
}
