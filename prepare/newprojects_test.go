package prepare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// A pull request names projects that the base does not: what happens to them is the
// server's to say, for each environment.
func TestAProjectThatOnlyTheHeadNames(t *testing.T) {
	const base = "version: 1\nprojects:\n  - {name: old, dir: old, environment: dev}\n"
	head := base + "  - {name: fresh, dir: fresh, environment: %s}\n"
	for _, tt := range []struct {
		name        string
		mode        policy.NewProjects // of dev; prod lets nothing happen
		environment string
		planned     string
		note        string
		plan, apply string // what is said to a command that names it; empty when it is allowed
		whole       string // what /apply without names applies
	}{
		{"the server says nothing", "", "dev", "old", "After the merge there will also be `fresh`, which is not planned before.", "new_project", "new_project", "old"},
		{"listed", policy.NewNone, "dev", "old", "After the merge there will also be `fresh`", "new_project", "new_project", "old"},
		{"planned", policy.NewPlan, "dev", "fresh old", "Only this pull request names `fresh`: the server lets that be planned, and it is applied after the merge", "", "new_projects", "old"},
		{"applied", policy.NewApply, "dev", "fresh old", "Only this pull request names `fresh`: the server lets that be planned and applied", "", "", "fresh old"},
		{"in an environment that says nothing", policy.NewApply, "prod", "old", "After the merge there will also be `fresh`", "new_project", "new_project", "old"},
		{"in one that is not known", policy.NewApply, "moon", "old", "After the merge there will also be `fresh`", "new_project", "new_project", "old"},
		{"a word that is none", "yes", "dev", "old", "After the merge there will also be `fresh`", "new_project", "new_project", "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newGateWorld(t, double.Files{"lockkeeper.yml": base, "old/main.tf": root})
			w.Rules("dev", func(r *policy.Rules) { r.NewProjects = tt.mode })
			n, _ := w.Open(double.Files{"lockkeeper.yml": fmt.Sprintf(head, tt.environment), "old/main.tf": root + "#\n", "fresh/main.tf": root})
			plan := w.Plan(n, nil)
			if got := jobNames(plan); got != tt.planned {
				t.Errorf("planned %q, want %q", got, tt.planned)
			}
			if !slices.ContainsFunc(plan.Notes, func(note string) bool { return strings.HasPrefix(note, tt.note) }) {
				t.Errorf("noted %q", plan.Notes)
			}
			for kind, want := range map[run.Kind]string{run.KindPlan: tt.plan, run.KindApply: tt.apply} {
				r := w.Commented(n, naming("fresh"))
				r.Kind = kind
				p, err := w.Preparer.Prepare(t.Context(), r)
				if want == "" {
					w.Allowed(p, err, "fresh")
				} else {
					w.Refused(p, err, want, "after the merge")
				}
			}
			p, err := w.Apply(n)
			w.Allowed(p, err, strings.Fields(tt.whole)...)
			gate, err := w.Gate.Judge(t.Context(), plan)
			w.Check(err)
			if !gate.Allowed {
				t.Errorf("judged: %q", gate.Missing)
			}
			later := run.StatusAt([]run.Run{plan}, plan.HeadSHA)
			if i := slices.IndexFunc(later, func(s run.ProjectStatus) bool { return s.Project == "fresh" }); i >= 0 && later[i].PlanOnly() != (tt.mode == policy.NewPlan) {
				t.Errorf("left for the merge: %v", later[i].PlanOnly())
			}
		})
	}
}

func jobNames(r run.Run) string {
	var names []string
	for _, j := range r.Jobs {
		names = append(names, j.Document.Project.Name)
	}
	return strings.Join(names, " ")
}

// Everything else that grants something is the base's: rules, code owners, and the
// environment of what is there already.
func TestAProjectThatOnlyTheHeadNamesGetsTheRulesOfTheBase(t *testing.T) {
	const base = "version: 1\nprojects:\n  - {name: old, dir: old, environment: prod}\n"
	w := newGateWorld(t, double.Files{"lockkeeper.yml": base, "old/main.tf": root, "CODEOWNERS": "* @rui\n"})
	w.Rules("dev", func(r *policy.Rules) { r.NewProjects, r.Approvals, r.CodeOwners = policy.NewApply, 1, true })
	n, _ := w.Open(double.Files{"fresh/main.tf": root, "CODEOWNERS": "* @ben\n",
		"elsewhere/main.tf": root,
		"lockkeeper.yml":    "version: 1\nprojects:\n  - {name: old, dir: elsewhere, environment: prod}\n  - {name: fresh, dir: fresh, environment: dev}\n  - {name: stolen, dir: old, environment: dev}\n"})
	plan := w.Plan(n, nil)
	if got := jobNames(plan); got != "fresh" {
		t.Fatalf("planned %q: what is there has its environment from the base", got)
	}
	w.Review("ben", n, "APPROVE")
	p, err := w.Apply(n)
	w.Refused(p, err, "code_owners")
	w.Review("rui", n, "APPROVE")
	p, err = w.Apply(n)
	w.Allowed(p, err, "fresh")
	w.Rules("dev", func(r *policy.Rules) { r.NewProjects = policy.NewNone }) // and the server started again
	p, err = w.Apply(n)
	w.Refused(p, err, "any_project")
}

// What the head's own discovery finds is no other than what it names.
func TestWhatTheHeadDiscoversIsNamedByItAlone(t *testing.T) {
	w := newGateWorld(t, double.Files{"lockkeeper.yml": "version: 1\nprojects:\n  - {name: old, dir: old, environment: dev}\n", "old/main.tf": root})
	w.Rules("dev", func(r *policy.Rules) { r.NewProjects = policy.NewPlan })
	n, _ := w.Open(double.Files{"live/a/main.tf": root, "live/b/main.tf": root,
		"lockkeeper.yml": "version: 1\ndiscover:\n  include: [{dir: 'live/a', environment: dev}, {dir: 'live/b', environment: prod}]\nprojects:\n  - {name: old, dir: old, environment: dev}\n"})
	if plan := w.Plan(n, nil); jobNames(plan) != "live/a" && jobNames(plan) != "live-a" || len(plan.PlanOnly) != 1 {
		t.Errorf("planned %q, notes %q", jobNames(plan), plan.Notes)
	}
}
