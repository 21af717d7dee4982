package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestAnApprovalThatIsDismissedCountsNoMore(t *testing.T) {
	for _, tt := range []struct {
		name string
		when func(s *story, dismiss func())
	}{
		{"before the apply", func(_ *story, dismiss func()) { dismiss() }},
		{"while the gate reads", func(s *story, dismiss func()) { s.world.GitHub.Faults().BeforeNext("/reviews", dismiss) }},
		{"after the gate has read it", func(s *story, dismiss func()) {
			s.world.GitHub.Faults().BeforeNext("/collaborators", func() {
				dismiss()
				s.poll("the refusal", func() bool { return s.applies(1)[0].State.Final() })
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, approvals(1))
			n := s.planned("a")
			id := s.approve(rui, n)
			s.shown(n, "Ready to apply")
			tt.when(s, func() {
				if err := s.world.GitHub.As(rui).DismissReview(sandbox.Repository, n, id); err != nil {
					t.Error(err)
				}
			})
			s.says(ana, n, "/apply")
			s.refused(n, "approval")
		})
	}
}

// What waits is withdrawn, behind another project as well as for a process of
// its own, and what runs goes on to its end.
func TestAnApprovalThatIsDismissedDuringAnApplyStopsWhatHasNotBegun(t *testing.T) {
	one := func(c map[string]any) { c["limits"] = map[string]any{"terraform_processes": 1} }
	dismiss := func(s *story, n int, approval int64) error {
		return s.world.GitHub.As(rui).DismissReview(sandbox.Repository, n, approval)
	}
	for _, tt := range []struct {
		name, second string // beside network-dev
		change       func(map[string]any)
		object       func(s *story, n int, approval int64) error
		want         string
	}{
		{"behind another project", "database", func(map[string]any) {}, dismiss, "An approval was dismissed before this began"},
		{"behind another process", "orders", one, dismiss, "An approval was dismissed before this began"},
		{"changes are requested instead", "database", func(map[string]any) {}, func(s *story, n int, _ int64) error {
			_, err := s.world.GitHub.As(rui).Review(sandbox.Repository, n, "REQUEST_CHANGES", "wait")
			return err
		}, "Changes were requested before this began"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.second == "orders" {
				long(t)
			}
			s, gate := newGatedStory(t, approvals(1), tt.change)
			gate.open("init", "plan")
			files := aChange("a")
			files["live/dev/"+tt.second+"/extra.tf"] = files["live/dev/network/extra.tf"]
			n := s.open("a", files)
			s.quiet()
			approval := s.approve(rui, n)
			before := map[string]string{"network-dev": s.state("network-dev"), tt.second + "-dev": s.state(tt.second + "-dev")}
			_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
			s.check(err)
			gate.await("apply")
			s.check(tt.object(s, n, approval))
			over := func(j run.Job) bool { return j.State.Final() }
			s.poll("the job that waits to be withdrawn", func() bool { return slices.ContainsFunc(s.applies(n)[0].Jobs, over) })
			gate.open("apply")
			s.quiet()
			ended := map[run.JobState]int{}
			for _, j := range s.applies(n)[0].Jobs {
				project := j.Document.Project.Name
				ended[j.State]++
				if changed := s.state(project) != before[project]; changed != (j.State == run.JobSucceeded) {
					t.Errorf("%s is %s, and its state changed: %t", project, j.State, changed)
				}
			}
			if ended[run.JobSucceeded] != 1 || ended[run.JobCancelled] != 1 {
				t.Errorf("jobs %v, want one applied and one withdrawn:\n%s", ended, s.conversation(n))
			}
			s.wants(s.plans(n)[0].Body, tt.want, "`/plan`", "Apply stopped")
			if c := s.check1(n, "lockkeeper/apply"); c.Conclusion == "success" {
				t.Error("the check is green")
			}
		})
	}
}

func TestT20TheLastOf250ReviewsCounts(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	s.world.GitHub.Faults().PageSize(30) // 9 pages
	review := func(event string) {
		t.Helper()
		_, err := s.world.GitHub.As(rui).Review(sandbox.Repository, n, event, "so be it")
		s.check(err)
	}
	review("APPROVE")
	for range 248 {
		review("COMMENT")
	}
	review("REQUEST_CHANGES")
	s.quiet()
	s.says(ana, n, "/apply")
	s.refused(n, rui)
	review("APPROVE")
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}

func TestT24ABaseThatMovedHoldsAnApplyBack(t *testing.T) {
	move := func(s *story) {
		s.Helper()
		_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, rui, "main moves", github.Files{"modules/network/more.tf": "# more\n"})
		s.check(err)
	}
	t.Run("before the apply", func(t *testing.T) {
		s := newStory(t, rules("dev", map[string]any{"current": "project"}))
		n := s.planned("a")
		move(s)
		s.says(ana, n, "/apply")
		s.refused(n, "main", "modules/network/more.tf")
	})
	t.Run("between the gate and the start", func(t *testing.T) {
		s := newStory(t, rules("dev", map[string]any{"current": "strict"}))
		n := s.planned("a")
		s.beforeGit(func() bool { a := s.applies(n); return len(a) == 1 && a[0].State == run.StateRunning }, func() { move(s) })
		s.says(ana, n, "/apply")
		s.untouched(n)
	})
}

func TestAReadThatFailsIsNoPermission(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	s.approve(rui, n)
	for i, operation := range []string{"/reviews", "/commits", "/collaborators", "GET /repos/{owner}/{repo}/issues/comments/"} {
		s.world.GitHub.Faults().FailNext(1000, 404, operation)
		s.says(ana, n, "/apply")
		s.untouched(n)
		if got := len(s.applies(n)); got != i+1 {
			t.Errorf("%s: %d applies, want %d", operation, got, i+1)
		}
		s.world.GitHub.Faults().FailNoMore()
	}
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("when everything can be read, it is not applied:\n%s", s.conversation(n))
	}
}

func TestAnApplyCostsTwelveCallsWhateverTheNumberOfProjects(t *testing.T) {
	s := newStory(t, approvals(1))
	files := github.Files{}
	for _, project := range []string{"network", "database", "cluster", "orders"} {
		for _, environment := range []string{"dev", "prod"} {
			files["live/"+environment+"/"+project+"/extra.tf"] = aChange("all")["live/dev/network/extra.tf"]
		}
	}
	n := s.open("all", files)
	s.quiet()
	s.approve(rui, n)
	s.shown(n, "Ready to apply")
	s.quiet()
	s.world.GitHub.ResetRequests()
	s.says(ana, n, "/apply")
	total := 0
	for _, count := range s.world.GitHub.Requests() {
		total += count
	}
	if total > 12 {
		t.Errorf("%d calls: %v", total, s.world.GitHub.Requests())
	}
	if jobs := len(s.applies(n)[0].Jobs); jobs != 8 {
		t.Errorf("%d jobs, want all 8 projects", jobs)
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "success" {
		t.Errorf("the check is %s %s:\n%s", c.Status, c.Conclusion, s.conversation(n))
	}
}

func TestT37OneProjectThatFailsLeavesTheOthersApplied(t *testing.T) {
	s := terraformStory(t)
	files := aChange("a")
	files["live/dev/orders/extra.tf"] = "resource \"terraform_data\" \"bad\" {\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n}\n"
	n := s.open("a", files)
	s.quiet()
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("network-dev is not applied:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "failure" {
		t.Errorf("the check is %s %s", c.Status, c.Conclusion)
	}
	s.wants(s.plans(n)[0].Body, "orders-dev", "network-dev", "failed")
	if got := s.holders(); !strings.Contains(fmt.Sprint(got), fmt.Sprintf("orders-dev@%d", n)) {
		t.Errorf("locks of %v, want the failed project's among them", got)
	}
	_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, n, "merge")
	s.check(err)
	s.quiet()
	if got := s.holders(); !strings.Contains(fmt.Sprint(got), fmt.Sprintf("orders-dev@%d", n)) {
		t.Errorf("locks of %v after the merge, want the failed project's", got)
	}
}
