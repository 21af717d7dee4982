package prepare

import (
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
)

// maxMistakes is how many mistakes of files of a pull request are kept with a run.
const maxMistakes = 50

// preview notes what the merge makes of the projects: which there will also be, which
// no longer, and which under another name or elsewhere. What the head alone
// names is listed, and planned or applied as far as the server says.
func (f *revision) preview(now, next project.Config) {
	var listed, planned, applied, gone, renamed, moved []string
	for _, p := range added(now, next) {
		switch f.headOnly[p.Name] {
		case policy.NewPlan:
			planned = append(planned, p.Name)
		case policy.NewApply:
			applied = append(applied, p.Name)
		default:
			listed = append(listed, p.Name)
		}
	}
	for _, p := range next.Projects {
		switch before, ok := named(now, p.Name); {
		case ok && (before.Dir != p.Dir || before.Workspace != p.Workspace):
			moved = append(moved, p.Name+": "+place(before)+" → "+place(p))
		case ok && before.Environment != p.Environment:
			moved = append(moved, p.Name+": environment "+orDefault(before.Environment)+" → "+orDefault(p.Environment))
		case ok:
		default:
			if i := at(now, p); i >= 0 && !has(next, now.Projects[i].Name) {
				renamed = append(renamed, now.Projects[i].Name+" → "+p.Name)
			}
		}
	}
	for _, p := range now.Projects {
		if has(next, p.Name) {
			continue
		}
		if i := at(next, p); i < 0 || has(now, next.Projects[i].Name) {
			gone = append(gone, p.Name)
		}
	}
	for _, x := range []struct {
		texts  []string
		format string
	}{
		{listed, "After the merge there will also be %s, which is not planned before."},
		{planned, "Only this pull request names %s: the server lets that be planned, and it is applied after the merge, from a pull request that changes it."},
		{applied, "Only this pull request names %s: the server lets that be planned and applied before the merge, by the rules of the base branch."},
		{gone, "After the merge there will no longer be %s. What that manages stays as it is."},
		{renamed, "After the merge another name counts: %s."},
		{moved, "After the merge another place counts: %s. The state of what it was before stays."},
	} {
		if len(x.texts) > 0 {
			f.notes = append(f.notes, fmt.Sprintf(x.format, some(x.texts)))
		}
	}
	if len(now.Projects) != len(next.Projects) {
		f.notes = append(f.notes, fmt.Sprintf("Projects: %d now, %d after the merge.", len(now.Projects), len(next.Projects)))
	}
}

func named(cfg project.Config, name string) (project.Project, bool) {
	i := slices.IndexFunc(cfg.Projects, func(p project.Project) bool { return p.Name == name })
	if i < 0 {
		return project.Project{}, false
	}
	return cfg.Projects[i], true
}

func has(cfg project.Config, name string) bool {
	_, ok := named(cfg, name)
	return ok
}

// at finds the project in the same place.
func at(cfg project.Config, p project.Project) int {
	return slices.IndexFunc(cfg.Projects, func(o project.Project) bool { return o.Dir == p.Dir && o.Workspace == p.Workspace })
}

func place(p project.Project) string {
	if p.Workspace == "" || p.Workspace == "default" {
		return p.Dir
	}
	return p.Dir + " in workspace " + p.Workspace
}

func orDefault(environment string) string {
	if environment == "" {
		return "of the server's default"
	}
	return environment
}

// previewEnvironments notes which projects the merge would leave without an
// environment: one that the server does not know, or does not give to this repository.
func (p *Preparer) previewEnvironments(f *revision, next project.Config) {
	var without []string
	for _, proj := range next.Projects {
		if _, err := p.environment(f.repository, proj); err != nil {
			without = append(without, proj.Name+": environment "+orDefault(proj.Environment))
		}
	}
	if len(without) > 0 {
		f.notes = append(f.notes, fmt.Sprintf("After the merge nothing is planned for %s: this server does not know that, or does not give it to this repository.", some(without)))
	}
}
