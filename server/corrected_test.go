package server

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// TestACorrectedBasePlansWhoWasToldAgain: only who was told that lockkeeper.yml has
// mistakes, only for the branch that they go into, once for each push.
func TestACorrectedBasePlansWhoWasToldAgain(t *testing.T) {
	yes := func() (bool, error) { return true, nil }
	file := func(names ...string) []*github.HeadCommit { return []*github.HeadCommit{{Modified: names}} }
	for name, c := range map[string]struct {
		branch  string
		commits []*github.HeadCommit
		want    []int
	}{
		"the file":             {"main", file("README.md", "lockkeeper.yml"), []int{3, 5}},
		"another branch":       {"release", file("lockkeeper.yml"), []int{4, 5}},
		"something else":       {"main", file("a/main.tf"), nil},
		"one of the same name": {"main", file("a/lockkeeper.yml"), nil},
		"more than are listed": {"main", slices.Repeat(file("a"), listedCommits), []int{3, 5}},
	} {
		e := &submissions{}
		h := &push{&Base{Runs: e, Autoplan: true, Now: time.Now, Refused: func(_ context.Context, id int64, code string) ([]run.Run, error) {
			if id != 7 || code != run.CodeConfig {
				t.Errorf("asked for %q of %d", code, id)
			}
			return []run.Run{{Subject: run.Subject{PullRequest: 3}, BaseRef: "main", Actor: "ana"}, {Subject: run.Subject{PullRequest: 4}, BaseRef: "release"}, {Subject: run.Subject{PullRequest: 5}}}, nil
		}}}
		if err := h.corrected(t.Context(), run.Repository{ID: 7}, c.branch, "abc", c.commits, yes); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, r := range e.all {
			got = append(got, r.PullRequest)
			if r.Kind != run.KindPlan || r.HeadSHA != "" || r.Key == "" || r.PullRequest == 3 && r.Actor != "ana" {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: planned %v, want %v", name, got, c.want)
		}
	}
}

// submissions keeps what was submitted; nothing else may be asked of it.
type submissions struct {
	runs
	all []run.Run
}

func (s *submissions) Submit(_ context.Context, r run.Run, _ ...run.Notice) (bool, error) {
	s.all = append(s.all, r)
	return true, nil
}
