package run

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is left of the runs of a commit stands as all of them do.
func TestWhatCountsOfTheRunsOfACommit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, left []Run // newest first
		project := rapid.SampledFrom([]string{"a", "b", "c"})
		n := rapid.IntRange(1, 12).Draw(t, "runs")
		for i := range n {
			r := Run{ID: fmt.Sprint(n - i), Kind: KindPlan, HeadSHA: "h", PreparedAt: time.Unix(1, 0)}
			for range rapid.IntRange(0, 3).Draw(t, "jobs") {
				j := Job{ID: fmt.Sprintf("%s/%d", r.ID, len(r.Jobs))}
				j.Document.Project.Name = project.Draw(t, "project")
				r.Jobs = append(r.Jobs, j)
			}
			if rapid.Bool().Draw(t, "of named projects") {
				r.Selectors = []string{"x"}
			}
			if len(r.Jobs) > 0 && rapid.Bool().Draw(t, "in part") {
				r.Jobs[0].Document.Flags = []string{"-target=x"}
			}
			if rapid.Bool().Draw(t, "apply") {
				r.Kind = KindApply
				for k := range r.Jobs { // of an older plan
					r.Jobs[k].Document.Plan = &JobPlan{JobID: fmt.Sprintf("%d/%d", rapid.IntRange(0, n-i).Draw(t, "of run"), k)}
				}
			}
			all = append(all, r)
		}
		var c Counted
		for _, r := range all {
			if c.Add(r) {
				left = append(left, r)
			}
		}
		if diff := cmp.Diff(StatusAt(all, "h"), StatusAt(left, "h")); diff != "" {
			t.Fatalf("of %d runs %d are left: (-all +left)\n%s", len(all), len(left), diff)
		}
	})
}
