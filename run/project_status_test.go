package run

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// made is a run of a pull request that ended, with one job per project written
// as "name" or "name!" for a failed one; an apply names the plan's run.
func made(id string, kind Kind, of string, projects ...string) Run {
	r := Run{ID: id, Kind: kind, HeadSHA: "aaa", State: StateSucceeded, PreparedAt: noon.Add(time.Second)}
	for i, name := range projects {
		name, failed := strings.CutSuffix(name, "!")
		name, empty := strings.CutSuffix(name, "=")
		j := Job{ID: JobID(id, i), State: JobSucceeded, Result: &Result{Counts: &Counts{Add: 1}}}
		j.Document.Project.Name = name
		if empty {
			j.Result.Counts = &Counts{}
		}
		if failed {
			j.State = JobFailed
		}
		if of != "" {
			j.Document.Plan = &JobPlan{JobID: of}
		}
		r.Jobs = append(r.Jobs, j)
	}
	return r
}

func TestStatusAt(t *testing.T) {
	named := func(r Run, names ...string) Run { r.Selectors = names; return r }
	speculative := made("p1", KindPlan, "", "a=")
	speculative.Blocked = []Blocked{{Project: "a"}}
	elsewhere := made("p1", KindPlan, "", "a")
	elsewhere.HeadSHA = "bbb"

	for _, c := range []struct {
		name string
		runs []Run // newest first
		want string
	}{
		{"nothing", nil, ""},
		{"planned", []Run{made("p1", KindPlan, "", "b", "a")}, "a:p1 b:p1"},
		{"no changes is applied", []Run{made("p1", KindPlan, "", "a=", "b")}, "a:p1+ b:p1"},
		{"no changes without the lock is not", []Run{speculative}, "a:p1"},
		{"a failed plan is not", []Run{made("p1", KindPlan, "", "a=!")}, "a:p1"},
		{"applied", []Run{made("r2", KindApply, "p1-0", "a"), made("p1", KindPlan, "", "a", "b")}, "a:p1+ b:p1"},
		{"a failed apply", []Run{made("r2", KindApply, "p1-0", "a!"), made("p1", KindPlan, "", "a")}, "a:p1"},
		{"planned again after the apply", []Run{made("p3", KindPlan, "", "a"), made("r2", KindApply, "p1-0", "a"), made("p1", KindPlan, "", "a")}, "a:p3"},
		{"the apply of an older plan that ended later", []Run{made("r2", KindApply, "p0-0", "a"), made("p1", KindPlan, "", "a"), made("p0", KindPlan, "", "a")}, "a:p1"},
		{"a plan of one leaves the others", []Run{named(made("p2", KindPlan, "", "b"), "b"), made("p1", KindPlan, "", "a", "b")}, "a:p1 b:p2"},
		{"a plan of all replaces the others", []Run{made("p2", KindPlan, "", "b"), made("p1", KindPlan, "", "a", "b")}, "b:p2"},
		{"another commit does not count", []Run{elsewhere}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, s := range StatusAt(c.runs, "aaa") {
				text := fmt.Sprintf("%s:%s", s.Project, s.PlanRun.ID)
				if s.Applied() {
					text += "+"
				}
				got = append(got, text)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}
