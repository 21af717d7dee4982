package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// rules is the change of the server's config that adds to the policy of an
// environment. Without it an apply needs no approval in dev, and one in prod.
func rules(environment string, r map[string]any) func(map[string]any) {
	return func(c map[string]any) {
		maps.Copy(c["environments"].(map[string]any)[environment].(map[string]any)["policy"].(map[string]any), r)
	}
}

// approvals asks for that many in the environment of aChange.
func approvals(n int) func(map[string]any) { return rules("dev", map[string]any{"approvals": n}) }

func (s *story) approve(who string, number int) (id int64) {
	s.Helper()
	id, err := s.world.GitHub.As(who).Review(sandbox.Repository, number, "APPROVE", "")
	s.check(err)
	s.quiet()
	return id
}

// state is the Terraform state of a project.
func (s *story) state(project string) string {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "states", project+".tfstate"))
	s.check(err)
	return string(content)
}

// applied tells whether the state of network-dev has what aChange adds.
func (s *story) applied(text string) bool {
	s.Helper()
	_, extra, found := strings.Cut(s.state("network-dev"), `"extra"`)
	return found && strings.Contains(extra, `"value": "`+text+`"`)
}

// applies lists the applies of a pull request, newest first.
func (s *story) applies(number int) (out []run.Run) {
	s.Helper()
	for _, r := range s.runs(number) {
		if r.Kind == run.KindApply {
			out = append(out, r)
		}
	}
	return out
}

// untouched fails the test when anything was applied or an apply succeeded.
func (s *story) untouched(number int) {
	s.Helper()
	if strings.Contains(s.state("network-dev"), `"extra"`) {
		s.Errorf("something was applied:\n%s", s.conversation(number))
	}
	for _, r := range s.applies(number) {
		if r.State == run.StateSucceeded {
			s.Errorf("an apply succeeded:\n%s", s.conversation(number))
		}
	}
}

// refused fails the test unless the newest apply was refused with these words
// in the answer.
func (s *story) refused(number int, words ...string) {
	s.Helper()
	s.untouched(number)
	if r := s.applies(number)[0]; r.State != run.StateRefused {
		s.Errorf("the apply is %s, want refused", r.State)
	}
	s.wants(s.last(number), words...)
}

// holders lists who holds locks, as project@number.
func (s *story) holders() (out []string) {
	s.Helper()
	locks, err := s.store.Locks(s.Context())
	s.check(err)
	seen := map[string]bool{}
	for _, l := range locks.Locks {
		text := fmt.Sprintf("%s@%d", l.Project, l.Holder.PullRequest)
		if !l.Free() && !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}

func TestAPlanIsApprovedAppliedAndMerged(t *testing.T) {
	s := terraformStory(t, approvals(1))
	n := s.planned("a")
	if c := s.check1(n, "lockkeeper/apply"); c.Status != "queued" {
		t.Errorf("before the apply, its check is %s %s", c.Status, c.Conclusion)
	}
	s.says(ana, n, "/apply")
	s.refused(n, "approval")

	s.approve(rui, n)
	s.until("the gate's line", func() bool { return strings.Contains(s.plans(n)[0].Body, "Ready to apply") })
	id := s.says(ana, n, "/apply")
	if got := s.reactions(n, id); len(got) != 1 || got[0] != "eyes" {
		t.Errorf("reactions %v", got)
	}
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Status != "completed" || c.Conclusion != "success" {
		t.Errorf("after the apply, its check is %s %s", c.Status, c.Conclusion)
	}
	if len(s.plans(n)) != 1 {
		t.Errorf("want one comment that is kept up to date:\n%s", s.conversation(n))
	}
	if got := s.holders(); len(got) != 1 || got[0] != fmt.Sprintf("network-dev@%d", n) {
		t.Errorf("locks %v, want the pull request's until it is merged", got)
	}
	_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, n, "merge")
	s.check(err)
	s.quiet()
	if got := s.holders(); len(got) != 0 {
		t.Errorf("locks %v after the merge", got)
	}
}

func TestARefusedApplyListsEverythingThatIsMissing(t *testing.T) {
	s := newStory(t, rules("dev", map[string]any{"approvals": 2, "code_owners": true, "required_checks": []string{"build"}, "apply": []string{"acme/production"}}))
	n := s.planned("a")
	s.says(ana, n, "/apply")
	s.refused(n, "0 of 2 approvals", "owner", "build", "production")
	before := len(s.said(n))
	s.says(sam, n, "/apply")
	s.refused(n, "write access")
	if got := len(s.said(n)) - before; got != 1 {
		t.Errorf("%d answers, want one", got)
	}
	s.says(ana, n, "/why")
	s.wants(s.last(n), "0 of 2 approvals", "owner", "build", "production", "✓ The pull request is open.")
	s.untouched(n)
}

func TestT23WithNothingPlannedNothingIsApplied(t *testing.T) {
	s := newStory(t)
	docs := s.open("docs", github.Files{"docs.md": "hello\n"})
	s.quiet()
	s.says(ana, docs, "/apply")
	s.refused(docs)
	if c := s.check1(docs, "lockkeeper/plan"); c.Conclusion != "neutral" {
		t.Errorf("0 projects are %s", c.Conclusion)
	}

	n := s.planned("a")
	s.says(ana, n, "/apply orders-dev")
	s.refused(n, "orders-dev")
	s.says(ana, n, "/apply nope")
	s.refused(n, "`nope`")
	s.says(ana, n, "/apply network")
	s.refused(n, "`network`")
}

func TestT23AnApplyDuringAPlanIsRefused(t *testing.T) {
	s, gate := newHeldStory(t)
	n, _ := s.heldPlan(gate, "a")
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	s.poll("the answer", func() bool { a := s.applies(n); return len(a) == 1 && a[0].State.Final() })
	gate.open()
	s.quiet()
	s.refused(n, "network-dev", "plan")
}

func TestT23APushMakesOlderPlansWorthless(t *testing.T) {
	s, gate := newHeldStory(t)
	gate.open()
	n := s.planned("a")
	gate.close()
	began := gate.plans()
	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	gate.await(began + 1)
	_, err = s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	s.poll("the answer", func() bool { a := s.applies(n); return len(a) == 1 && a[0].State.Final() })
	s.untouched(n)
	gate.open()
	s.quiet()
	s.untouched(n)
	s.says(ana, n, "/apply")
	if !s.applied("second") {
		t.Errorf("the new plan is not applied:\n%s", s.conversation(n))
	}
}

func TestT23AProjectThatIsNoLongerTouchedIsNotApplied(t *testing.T) {
	s := newStory(t)
	n := s.open("a", github.Files{"live/dev/network/extra.tf": aChange("a")["live/dev/network/extra.tf"], "docs.md": "x\n"})
	s.quiet()
	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "not that", github.Files{"live/dev/network/extra.tf": github.Deleted})
	s.check(err)
	s.quiet()
	s.says(ana, n, "/apply")
	s.refused(n)
	s.says(ana, n, "/apply network-dev")
	s.refused(n, "network-dev")
}

func TestARequiredCheckThatTurnsGreenIsSeen(t *testing.T) {
	s := newStory(t, rules("dev", map[string]any{"required_checks": []string{"build"}}))
	n := s.planned("a")
	ci := github.OtherApp{ID: 15368, Slug: "ci"}
	build := func(status, conclusion string) {
		t.Helper()
		_, err := s.world.GitHub.ReportCheck(sandbox.Repository, s.pull(n).HeadSHA, ci, "build", status, conclusion)
		s.check(err)
		s.quiet()
	}
	build("completed", "failure")
	s.shown(n, "`build`")
	s.says(ana, n, "/apply")
	s.refused(n, "`build`")
	build("in_progress", "")
	s.says(ana, n, "/apply")
	s.refused(n, "`build`")
	build("completed", "success")
	s.shown(n, "Ready to apply")
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}

// What others left unapplied is planned when somebody asks for everything, and
// neither applied from here nor in the way, though it comes first.
func TestAPlanOfEverythingAndAnApplyOfWhatThePullRequestChanges(t *testing.T) {
	s := newStory(t)
	_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, rui, "left unapplied", aChange("left"))
	s.check(err)
	n := s.open("a", github.Files{"live/dev/database/extra.tf": aChange("a")["live/dev/network/extra.tf"]})
	s.quiet()
	s.says(ana, n, "/plan *")
	s.wants(s.plans(n)[0].Body, "**8 projects: 2 to add**", "apply `/apply`", "**Not changed by this pull request**: network-dev.")
	s.says(ana, n, "/apply")
	if s.applied("left") || !strings.Contains(s.state("database-dev"), `"extra"`) {
		t.Errorf("database-dev and nothing else has to be applied:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "success" {
		t.Errorf("the check is %s %s %s", c.Status, c.Conclusion, c.Title)
	}
}

func TestT23AnApplyOfAPullRequestThatChangesNoProjectIsRefused(t *testing.T) {
	s := newStory(t)
	n := s.open("docs", github.Files{"docs.md": "hello\n"})
	s.quiet()
	s.says(ana, n, "/plan network-dev")
	for _, line := range []string{"/apply", "/apply network-dev"} {
		s.says(ana, n, line)
		s.refused(n, "change")
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "neutral" {
		t.Errorf("the check is %s %s %s", c.Status, c.Conclusion, c.Title)
	}
}
