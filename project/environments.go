package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// CheckEnvironments compares the environments of projects with those that a server
// defines; byDefault is that of projects that name none. Its error is a [Problems].
func CheckEnvironments(cfg Config, defined []string, byDefault string) error {
	v := &validation{cfg: cfg}
	for i, p := range cfg.Projects {
		before := len(v.problems)
		at := fmt.Sprintf("projects[%d].environment", i)
		if p.Found {
			at = "discover"
		}
		switch {
		case len(defined) == 0:
			v.note(at, "the server defines no environment, so %s cannot be planned", quote(p.Name))
		case p.Environment == "" && byDefault == "":
			v.note(at, "%s names no environment, and the server has no default_environment; it has %s", quote(p.Name), strings.Join(defined, ", "))
		case p.Environment != "" && !slices.Contains(defined, p.Environment):
			v.note(at, "no environment of the server is named %s; %s", quote(p.Environment), meant(p.Environment, defined))
		}
		if cfg.Source == "" && len(v.problems) > before { // there is no file to name
			v.problems[before].File, v.problems[before].Key = p.Dir, ""
		}
	}
	if len(v.problems) == 0 {
		return nil
	}
	return v.problems
}

func meant(typed string, defined []string) string {
	if closest := yamlfile.Closest(typed, defined, 1); len(closest) > 0 {
		return "did you mean " + closest[0] + "?"
	}
	return "it has " + strings.Join(defined, ", ")
}
