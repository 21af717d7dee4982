package e2e

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func onlyWhenAsked(c map[string]any) { c["autoplan"] = map[string]any{"enabled": false} }

// Where nothing is planned by itself, a merge without a plan is said once, of the
// projects that it changed, however it was merged, until somebody has put it right.
func TestAMergeThatNobodyPlannedIsSaid(t *testing.T) {
	s := newStory(t, onlyWhenAsked)
	other := s.open("other", github.Files{"README.md": "text\n"})
	for _, method := range []string{"merge", "squash", "rebase"} {
		files := aChange(method)
		files["live/dev/network/second-"+method+".tf"] = "locals {}\n"
		n := s.open(method, files)
		s.quiet()
		if got := s.said(n); len(got) > 0 {
			t.Fatalf("said before anybody asked: %+v", got)
		}
		_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, n, method)
		s.check(err)
		s.quiet()
		if got := s.said(n); len(got) != 1 || !strings.Contains(got[0].Body, "**Merged without a plan**: `network-dev`.") {
			t.Errorf("after a merge by %s: %+v", method, got)
		}
		s.says(ana, n, "/status")
		s.wants(s.last(n), "**To be put right**", "network-dev: merged and not applied, by #")
	}
	_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, other, "merge")
	s.check(err)
	s.quiet()
	if got := s.said(other); len(got) > 0 {
		t.Errorf("a merge that touches nothing: %+v", got)
	}
}

// Of a fork nothing is planned, and what was merged of it is in the base branch.
func TestAMergeOfAForkIsSaid(t *testing.T) {
	s := newStory(t)
	g := s.world.GitHub
	fork, err := g.As(sam).Fork(sandbox.Repository)
	s.check(err)
	_, err = g.As(sam).Push(fork, "help", "help", aChange("help"))
	s.check(err)
	n, err := g.As(sam).OpenPull(sandbox.Repository, sam+":help", demo.DefaultBranch, "Help", "", false)
	s.check(err)
	_, err = g.As(rui).MergePull(sandbox.Repository, n, "squash")
	s.check(err)
	s.quiet()
	if got := s.said(n); len(got) != 1 || !strings.Contains(got[0].Body, "**Merged without a plan**: `network-dev`.") {
		t.Errorf("after the merge: %+v", got)
	}
}

// What nothing plans is not shown as if it were: the comment is of the earlier commit,
// says so, and says what to type.
func TestAPushThatNobodyPlannedIsSaid(t *testing.T) {
	s := newStory(t, onlyWhenAsked)
	n := s.open("a", aChange("a"))
	s.says(ana, n, "/plan")
	s.shown(n, "1 to add")
	sha, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "more", github.Files{"live/dev/network/more.tf": "locals {}\n"})
	s.check(err)
	s.shown(n, "**Of an older commit**: `"+sha[:7]+"` is the head now. Comment `/plan`")
	s.says(ana, n, "/plan")
	s.shown(n, "Plan for `"+sha[:7]+"`")
	if body := s.plans(n)[0].Body; strings.Contains(body, "older commit") {
		t.Errorf("%s", body)
	}
}
