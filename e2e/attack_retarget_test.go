package e2e

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// What was planned for one base says nothing about another: not in the checks of
// the commit, and not for its apply.
func TestARetargetedPullRequestIsNotGreenForWhatItWas(t *testing.T) {
	s := newStory(t)
	s.pushes(ana, "evil", github.Files{"evil.md": "x\n"})
	n := s.open("a", github.Files{"live/dev/network/notes.tf": "# nothing to apply\n"})
	s.quiet()
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "success" {
		t.Fatalf("before, the check is %s %s", c.Status, c.Title)
	}
	s.check(s.world.GitHub.As(ana).EditBase(sandbox.Repository, n, "evil"))
	s.quiet()
	if got := len(s.said(n)); got != 1 {
		t.Errorf("%d comments, want the one of the plan", got)
	}
	s.wants(s.last(n), "goes into `evil`", "`main`")
	for _, c := range s.pull(n).Checks {
		if c.Conclusion == "success" || c.Conclusion == "neutral" {
			t.Errorf("the check %s is %s: %s", c.Name, c.Conclusion, c.Title)
		}
	}
	s.check(s.world.GitHub.As(ana).EditBase(sandbox.Repository, n, demo.DefaultBranch))
	s.quiet()
	for _, c := range s.pull(n).Checks {
		if c.Conclusion != "success" {
			t.Errorf("back at its base the check %s is %s %s: %s", c.Name, c.Status, c.Conclusion, c.Title)
		}
	}
}

// Nobody asked, so nobody is told; the checks that the branch asks for stay out.
func TestAPullRequestIntoABranchThatIsNotListedIsLeftAlone(t *testing.T) {
	s := newStory(t)
	s.pushes(ana, "feature", github.Files{"feature.md": "x\n"})
	s.pushes(ana, "a", aChange("a"))
	n := s.asks(ana, "a", "feature")
	if len(s.said(n)) > 0 || len(s.pull(n).Checks) > 0 {
		t.Errorf("Lockkeeper spoke by itself:\n%s", s.conversation(n))
	}
	s.nothingRuns(n, "`feature`", "`main`")
	for name, c := range s.enqueued(n) {
		if c.Status != "completed" && name == "lockkeeper/plan" || c.Conclusion == "success" || c.Conclusion == "neutral" {
			t.Errorf("in the queue the check %s is %s %s: %s", name, c.Status, c.Conclusion, c.Title)
		}
	}
}

// A branch for each environment works when the server lists the branches.
func TestABranchPerEnvironmentWorksWhenItIsListed(t *testing.T) {
	const config = "version: 1\nprojects:\n  - {name: dev, dir: live, environment: dev}\n  - {name: prod, dir: live, environment: prod, branch: release/prod}\n"
	s := newStoryOf(t, github.Files{"lockkeeper.yml": config, "live/main.tf": rootModule("x")}, branches("main", "release/*"))
	s.pushes(ana, "release/prod", github.Files{"release.md": "x\n"})
	s.pushes(ana, "a", github.Files{"live/main.tf": rootModule("y")})
	n := s.asks(ana, "a", "release/prod")
	s.wants(s.last(n), "**prod (`live`) in prod", "1 to add")
	s.check(s.world.GitHub.As(ana).EditBase(sandbox.Repository, n, "main"))
	s.quiet()
	s.wants(s.last(n), "on `main`", "dev", "1 to add")
	s.says(ana, n, "/apply") // the plan is of the base that it has now
	if got := s.applies(n)[0]; got.State != run.StateSucceeded || got.BaseRef != "main" || len(got.Jobs) != 1 || got.Jobs[0].Document.Project.Name != "dev" {
		t.Errorf("the apply is %s on %s of %d jobs:\n%s", got.State, got.BaseRef, len(got.Jobs), s.conversation(n))
	}
}

// The base is changed while the apply waits: what has not begun does not begin.
func TestARetargetStopsAnApplyThatHasNotBegun(t *testing.T) {
	s, gate := newGatedStory(t, func(c map[string]any) { c["limits"] = map[string]any{"terraform_processes": 1} })
	gate.open("init", "plan")
	s.pushes(ana, "evil", github.Files{"evil.md": "x\n"})
	files := aChange("a")
	files["live/dev/orders/extra.tf"] = files["live/dev/network/extra.tf"]
	n := s.open("a", files)
	s.quiet()
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	gate.await("apply")
	s.check(s.world.GitHub.As(ana).EditBase(sandbox.Repository, n, "evil"))
	s.poll("the job that waits to be withdrawn", func() bool {
		for _, j := range s.applies(n)[0].Jobs {
			if j.State == run.JobCancelled {
				return true
			}
		}
		return false
	})
	gate.open("apply")
	s.quiet()
	for _, j := range s.applies(n)[0].Jobs {
		if j.State == run.JobCancelled {
			s.wants(j.Result.Problem.Message, "The base of the pull request was changed")
		}
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion == "success" || c.Conclusion == "neutral" {
		t.Errorf("the check is %s: %s", c.Conclusion, c.Title)
	}
}
