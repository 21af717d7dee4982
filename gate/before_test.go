package gate

import (
	"slices"
	"testing"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestWhatComesFirstIsAppliedFirst(t *testing.T) {
	planned := func(changes int) run.ProjectStatus {
		return run.ProjectStatus{Plan: run.Job{State: run.JobSucceeded, Result: &run.Result{Counts: &run.Counts{Add: changes}}}}
	}
	applied := planned(1)
	applied.Apply = &run.Job{State: run.JobSucceeded}
	failed := planned(1)
	failed.Apply = &run.Job{State: run.JobFailed}
	part := planned(1)
	part.Plan.Document.Flags = []string{"-target=a"}
	statuses := map[string]run.ProjectStatus{"part": part, "planned": planned(1), "unchanged": planned(0), "applied": applied, "failed": failed, "left": planned(1)}
	affected := map[string]bool{"planned": true, "unchanged": true, "applied": true, "failed": true, "part": true, "unplanned": true}

	for name, c := range map[string]struct {
		after, named []string
		want         []string
	}{
		"planned and not applied":  {after: []string{"planned", "failed"}, want: []string{"planned", "failed"}},
		"part of the command":      {after: []string{"planned"}, named: []string{"planned"}},
		"a part of it is":          {after: []string{"part"}, named: []string{"part"}, want: []string{"part"}},
		"applied, or nothing to":   {after: []string{"applied", "unchanged"}},
		"of it, never planned":     {after: []string{"unplanned"}, want: []string{"unplanned"}},
		"never planned, but named": {after: []string{"unplanned"}, named: []string{"unplanned"}},
		"not of this change":       {after: []string{"elsewhere"}},
		"planned, but not of it":   {after: []string{"left"}},
	} {
		in := &input{data: &pullData{}, stored: stored{statuses: statuses}, rev: Revision{Affected: affected}}
		for _, n := range c.named {
			in.targets = append(in.targets, target{Target: Target{Project: project.Project{Name: n}}})
		}
		if got, _ := in.before(project.Project{Name: "app", After: c.after}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	in := &input{data: &pullData{}, stored: stored{statuses: statuses}, rev: Revision{Affected: affected}, targets: []target{{Target: Target{Project: project.Project{Name: "part"}}}}}
	if got, _ := in.before(project.Project{Name: "unchanged", After: []string{"part"}}); len(got) > 0 {
		t.Errorf("what changes nothing waits for %v", got)
	}
}
