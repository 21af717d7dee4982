package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// aPlan is the n-th run: a plan of projects, asked for by a selector or, without one, of
// all that the pull request changes.
func aPlan(n int, sha, selector string, projects []string) run.Run {
	r := Run(fmt.Sprintf("%04d", n), fmt.Sprint(n))
	r.Kind, r.State, r.HeadSHA, r.PreparedAt = run.KindPlan, run.StateSucceeded, sha, Noon
	if selector != "" {
		r.Selectors = []string{selector}
	}
	for i, project := range projects {
		j := run.Job{ID: fmt.Sprintf("%s/%d", r.ID, i), State: run.JobSucceeded}
		j.Document.Project.Name = project
		r.Jobs = append(r.Jobs, j)
	}
	return r
}

func (u suite) TestTheRunsOfACommit(t *testing.T) {
	s := u.fresh(t)
	n := 0
	add := func(sha string, selector string, projects ...string) string {
		t.Helper()
		n++
		r := aPlan(n, sha, selector, projects)
		if added, err := s.CreateRun(t.Context(), r, nil); err != nil || !added {
			t.Fatal(added, err)
		}
		return r.ID
	}
	list := func(sha string) (out []string) {
		t.Helper()
		runs, err := s.CommitRuns(t.Context(), 7, 3, sha)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range runs {
			if i >= run.RecentRuns {
				out = append(out, r.ID)
			}
		}
		return out
	}
	add("head", "", "old")
	add("before", "", "a")
	whole := add("head", "", "a", "b", "c")
	named := add("head", "c", "c")
	other := add("before", "d", "d")
	if got := list("head"); got != nil {
		t.Errorf("of the few that there are: %v", got)
	}
	for range run.RecentRuns {
		add("head", "b", "b")
	}
	if diff := cmp.Diff([]string{named, whole}, list("head")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{named, whole}, list("")); diff != "" {
		t.Error("of the newest plan's commit:", diff)
	}
	if got := list("before"); !slices.Equal(got[:1], []string{other}) {
		t.Errorf("of another commit: %v", got)
	}
	for range run.RecentRuns { // with no commit of their own
		add("", "b")
	}
	if got := list(""); !slices.Contains(got, whole) || len(got) != 3 {
		t.Errorf("behind runs that know no commit: %v", got)
	}
	add("head", "", "a")
	if got := list("head"); got != nil {
		t.Errorf("behind a plan of everything: %v", got)
	}
}
