package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
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
	s := newStory(t, approvals(1))
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

func TestT26ManyAppliesOfOnePlanAreOne(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(s *story, n int)
	}{
		{"every webhook twice", func(s *story, n int) {
			s.world.GitHub.Faults().DuplicateWebhooks(1000)
			s.says(ana, n, "/apply")
		}},
		{"two comments at once", func(s *story, n int) {
			all(2, func(i int) { _, _ = s.world.GitHub.As([]string{ana, rui}[i]).Comment(sandbox.Repository, n, "/apply") })
			s.quiet()
		}},
		{"ten comments at once", func(s *story, n int) {
			all(10, func(int) { _, _ = s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply") })
			s.quiet()
		}},
		{"one after the other", func(s *story, n int) {
			s.says(ana, n, "/apply")
			s.says(ana, n, "/apply")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScriptStory(t, countingApplies)
			n := s.planned("a")
			tt.do(s, n)
			if !s.applied("a") {
				t.Fatalf("not applied:\n%s", s.conversation(n))
			}
			if got := s.marks("applied"); got != 1 {
				t.Errorf("terraform apply ran %d times", got)
			}
			jobs := 0
			for _, r := range s.applies(n) {
				jobs += len(r.Jobs)
			}
			if jobs != 1 {
				t.Errorf("%d jobs applied one plan:\n%s", jobs, s.conversation(n))
			}
		})
	}
}

// countingApplies is a terraform that leaves a line in a file for each apply.
const countingApplies = `
[ "$1" != apply ] || echo "$$" >> "$dir/applied"
exec "$terraform" "$@"
`

// marks counts the lines that a script left in a file of the stage.
func (s *stage) marks(name string) int {
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return 0
	}
	return strings.Count(string(content), "\n")
}

func TestT14AnApplyWhoseCommentChangedIsNotCarriedOut(t *testing.T) {
	for name, change := range map[string]func(s *story, id int64) error{
		"edited": func(s *story, id int64) error {
			return s.world.GitHub.As(ana).EditComment(sandbox.Repository, id, "/apply please")
		},
		"deleted": func(s *story, id int64) error { return s.world.GitHub.As(ana).DeleteComment(sandbox.Repository, id) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			n := s.planned("a")
			s.world.GitHub.Faults().DelayWebhooks(time.Minute)
			id, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
			s.check(err)
			s.check(change(s, id))
			s.world.GitHub.Faults().DelayWebhooks(0)
			s.world.GitHub.Faults().Advance(time.Minute)
			s.quiet()
			s.refused(n)
		})
	}
}

func TestTheApplyButtonAsksTheGateAboutWhoPressedIt(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	button := func(check, identifier string) int64 {
		t.Helper()
		c := s.check1(n, check)
		for _, a := range c.Actions {
			if a.Identifier == identifier {
				return c.ID
			}
		}
		t.Fatalf("%s has no button %s: %+v", check, identifier, c.Actions)
		return 0
	}
	press := func(who string) {
		t.Helper()
		s.check(s.world.GitHub.As(who).Press(sandbox.Repository, button("lockkeeper/plan", "apply"), "apply"))
		s.quiet()
	}
	press(sam)
	s.refused(n, "write access")
	press(ana)
	s.refused(n, "approval")
	s.approve(rui, n)
	press(ana)
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s", s.conversation(n))
	}
	if r := s.applies(n)[0]; r.Trigger != run.TriggerButton || r.Actor != ana {
		t.Errorf("the apply is of %s by %s", r.Trigger, r.Actor)
	}
}

func TestTheApplyButtonOfAnOlderCommitAppliesNothing(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	old := s.check1(n, "lockkeeper/plan").ID
	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	s.quiet()
	s.check(s.world.GitHub.As(ana).Press(sandbox.Repository, old, "apply"))
	s.quiet()
	s.refused(n)
	s.says(ana, n, "/apply")
	if !s.applied("second") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}

func TestTheUnlockButtonGivesTheLockToWhoWaits(t *testing.T) {
	s := newStory(t)
	first, second := s.planned("a"), s.planned("b")
	press := func(who string) {
		t.Helper()
		s.check(s.world.GitHub.As(who).Press(sandbox.Repository, s.check1(first, "lockkeeper/plan").ID, "unlock"))
		s.quiet()
	}
	press(sam)
	s.wants(s.last(first), "write access")
	s.holds(first)
	press(rui)
	s.wants(s.last(first), "Released `network-dev`")
	s.holds(second)
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

// automerge is a story whose server merges what is applied.
func automerge(t *testing.T, permissions map[string]string, change ...func(map[string]any)) *story {
	t.Helper()
	merge := func(c map[string]any) { c["automerge"] = map[string]any{"enabled": true, "method": "squash"} }
	s := &story{newStageWith(t, permissions, append(change, merge)...)}
	t.Cleanup(s.serve())
	return s
}

func TestT37WhatIsAppliedIsMergedWhenTheServerWantsIt(t *testing.T) {
	s := automerge(t, map[string]string{"contents": "write"})
	files := aChange("a")
	files["live/dev/orders/extra.tf"] = files["live/dev/network/extra.tf"]
	n := s.open("a", files)
	s.quiet()
	s.says(ana, n, "/apply network-dev")
	if s.pull(n).Merged {
		t.Fatalf("merged with one of two projects applied:\n%s", s.conversation(n))
	}
	s.says(ana, n, "/apply")
	if !s.pull(n).Merged || s.pull(n).MergeCommitSHA == "" {
		t.Errorf("everything is applied and not merged:\n%s", s.conversation(n))
	}
	s.shown(n, "Lockkeeper merged this pull request")
	s.quiet()
	if got := s.holders(); len(got) > 0 {
		t.Errorf("locks %v after the merge", got)
	}
}

func TestT37AMergeThatGitHubRefusesIsSaidOnce(t *testing.T) {
	s := automerge(t, nil) // the App may not write contents
	n := s.planned("a")
	s.says(ana, n, "/apply")
	if s.pull(n).Merged || !s.applied("a") {
		t.Fatalf("merged %t:\n%s", s.pull(n).Merged, s.conversation(n))
	}
	s.wants(s.last(n), "Everything is applied, but GitHub did not merge", "by hand")
	if got := s.world.GitHub.Requests()["PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"]; got != 1 {
		t.Errorf("%d attempts, want one", got)
	}
}

func TestT37AMergeMeetsTroubleAndIsMadeOnce(t *testing.T) {
	s := automerge(t, map[string]string{"contents": "write"})
	n := s.planned("a")
	s.world.GitHub.Faults().FailNext(1, 502, "/merge")
	s.says(ana, n, "/apply")
	if !s.pull(n).Merged || len(s.said(n)) != 1 {
		t.Errorf("merged %t, want it merged and nothing said besides:\n%s", s.pull(n).Merged, s.conversation(n))
	}
}

func TestT37AnApplyThatFailsIsNotMerged(t *testing.T) {
	s := automerge(t, map[string]string{"contents": "write"})
	files := aChange("a")
	files["live/dev/orders/extra.tf"] = "resource \"terraform_data\" \"bad\" {\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n}\n"
	n := s.open("a", files)
	s.quiet()
	s.says(ana, n, "/apply")
	if s.pull(n).Merged || !s.applied("a") {
		t.Errorf("merged %t:\n%s", s.pull(n).Merged, s.conversation(n))
	}
}
