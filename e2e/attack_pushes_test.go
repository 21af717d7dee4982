package e2e

import (
	"slices"
	"testing"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// Ana's pull request gets a commit that ben pushes and that says it is by ana;
// then ben approves it. What a commit says is free text, so whoever pushed it
// approves nothing, however the push came about. Some ways are tried in the long
// tests only.
func TestB1ToB5WhoPushedApprovesNothing(t *testing.T) {
	anaSays := github.Signed{Author: ana}
	push := func(s *story, branch string) {
		s.Helper()
		_, err := s.world.GitHub.As(ben).PushSigned(sandbox.Repository, branch, "by ana, it says", anaSays, aChange("ben's"))
		s.check(err)
		s.quiet()
	}
	open := func(s *story, draft bool) int {
		s.Helper()
		s.pushes(ana, "topic", aChange("ana's"))
		n, err := s.world.GitHub.As(ana).OpenPull(sandbox.Repository, "topic", demo.DefaultBranch, "x", "", draft)
		s.check(err)
		s.quiet()
		return n
	}
	for name, tt := range map[string]struct {
		change []func(map[string]any)
		pushed func(s *story) int
	}{
		"B1 a push to the open pull request": {nil, func(s *story) int {
			n := open(s, false)
			push(s, "topic")
			return n
		}},
		"B2 and 101 presses of Plan again": {nil, func(s *story) int {
			n := open(s, false)
			push(s, "topic")
			for i := range 101 { // by two accounts: presses of one are counted
				who := ben
				if i%2 == 0 {
					who = ana
				}
				s.check(s.world.GitHub.As(who).RerequestCheck(sandbox.Repository, s.check1(n, "lockkeeper/plan").ID))
			}
			return n
		}},
		"B3 a push to a draft": {nil, func(s *story) int {
			n := open(s, true)
			push(s, "topic")
			s.check(s.world.GitHub.As(ana).ReadyForReview(sandbox.Repository, n))
			return n
		}},
		"B4 a push while it is closed": {nil, func(s *story) int {
			n := open(s, false)
			s.check(s.world.GitHub.As(ben).ClosePull(sandbox.Repository, n))
			push(s, "topic")
			s.check(s.world.GitHub.As(ben).ReopenPull(sandbox.Repository, n))
			return n
		}},
		"B4 and the author reopens it": {nil, func(s *story) int {
			n := open(s, false)
			s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, n))
			push(s, "topic")
			s.check(s.world.GitHub.As(ana).ReopenPull(sandbox.Repository, n))
			return n
		}},
		"B5 nothing is planned by itself": {[]func(map[string]any){func(c map[string]any) { c["autoplan"] = map[string]any{"enabled": false} }}, func(s *story) int {
			n := open(s, false)
			push(s, "topic")
			return n
		}},
		"before it was opened": {nil, func(s *story) int {
			push(s, "topic")
			return s.asks(ana, "topic", demo.DefaultBranch)
		}},
		"under a commit of the author": {nil, func(s *story) int {
			n := open(s, false)
			push(s, "topic")
			s.pushes(ana, "topic", github.Files{"README.md": "x\n"})
			return n
		}},
		"to another branch, from which the author took it": {nil, func(s *story) int {
			push(s, "bens")
			tip, err := s.world.GitHub.Tip(sandbox.Repository, "bens")
			s.check(err)
			s.check(s.world.GitHub.As(ana).MoveBranch(sandbox.Repository, "topic", tip))
			s.quiet()
			return s.asks(ana, "topic", demo.DefaultBranch)
		}},
		"an older head, to which he went back": {nil, func(s *story) int {
			n := open(s, false)
			a, err := s.world.GitHub.Tip(sandbox.Repository, "topic")
			s.check(err)
			s.pushes(ana, "topic", aChange("newer"))
			s.check(s.world.GitHub.As(ben).MoveBranch(sandbox.Repository, "topic", a))
			return n
		}},
	} {
		if slices.Contains([]string{"B1 a push to the open pull request", "B2 and 101 presses of Plan again", "B3 a push to a draft", "B4 and the author reopens it", "before it was opened", "under a commit of the author", "an older head, to which he went back"}, name) && !longtest.On() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := newStory(t, append(tt.change, approvals(1))...)
			s.check(s.world.GitHub.SetPermission(sandbox.Repository, ben, "write"))
			n := tt.pushed(s)
			s.quiet()
			s.says(ana, n, "/plan")
			s.approve(ben, n)
			s.says(ben, n, "/apply")
			s.refused(n, "`"+ben+"` pushed")
			s.approve(rui, n) // who did not push
			s.says(ana, n, "/apply")
			if got := s.applies(n)[0]; got.State != "succeeded" {
				t.Errorf("with rui's approval the apply is %s:\n%s", got.State, s.conversation(n))
			}
		})
	}
}

// Ben has a workflow push to ana's branch, in the name of an App and with commits
// that say they are by ana; then he approves it, alone.
func TestAWorkflowThatPushesApprovesNothingForWhoStartedIt(t *testing.T) {
	const workflow = "github-actions[bot]"
	s := newStory(t, approvals(1))
	s.check(s.world.GitHub.SetPermission(sandbox.Repository, ben, "write"))
	s.check(s.world.GitHub.AddUser(workflow, "Bot"))
	s.check(s.world.GitHub.SetPermission(sandbox.Repository, workflow, "write"))
	n := s.planned("topic")
	_, err := s.world.GitHub.As(workflow).PushSigned(sandbox.Repository, "topic", "by ana, it says", github.Signed{Author: ana}, aChange("ben's"))
	s.check(err)
	s.quiet()
	s.approve(ben, n)
	s.says(ben, n, "/apply")
	s.refused(n, "`"+workflow+"` pushed commits of it", "`trusted_pushers`")
}
