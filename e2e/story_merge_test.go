package e2e

import (
	"strings"
	"testing"
)

// automerge is a story whose server merges what is applied.
func automerge(t *testing.T, permissions map[string]string, change ...func(map[string]any)) *story {
	t.Helper()
	t.Parallel()
	s := &story{newStageWith(t, permissions, append(change, squashes)...)}
	s.standIn()
	t.Cleanup(s.serve())
	return s
}

func squashes(c map[string]any) { c["automerge"] = map[string]any{"enabled": true, "method": "squash"} }

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

// Merged, it would leave everybody without plans.
func TestAHeadThatBreaksTheConfigIsNotMerged(t *testing.T) {
	s := automerge(t, map[string]string{"contents": "write"})
	files := aChange("a")
	files["lockkeeper.yml"] = "version: 1\nprojects:\n  - {name: network-dev, dir: live/dev/network, after: [nosuch]}\n"
	n := s.open("a", files)
	s.quiet()
	s.says(ana, n, "/apply")
	if s.pull(n).Merged {
		t.Fatalf("merged:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Status != "queued" || c.Title != "lockkeeper.yml has 1 mistake" {
		t.Errorf("lockkeeper/apply is %s %s: %s", c.Status, c.Conclusion, c.Title)
	}
}

// What was looked at or applied in part is not the whole: no check turns green for
// it, and nothing is merged.
func TestAPartialPlanIsNeverTheWhole(t *testing.T) {
	s := automerge(t, map[string]string{"contents": "write"})
	files := aChange("a")
	files["live/dev/network/more.tf"] = "resource \"terraform_data\" \"more\" {\n  input = \"b\"\n}\n"
	n := s.open("a", files)
	s.quiet()
	for _, flag := range []string{"-refresh-only", "-refresh=false", "-target=terraform_data.nothing"} {
		s.says(ana, n, "/plan -- "+flag)
		s.waits(n, "Partial plan: ", flag)
	}
	s.says(ana, n, "/plan -- -target=terraform_data.extra")
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Fatalf("the partial plan was not applied:\n%s", s.conversation(n))
	}
	s.waits(n, "Partial plan: ", "Applied in part")
	s.says(ana, n, "/plan")
	s.shown(n, "1 to add")
	s.says(ana, n, "/apply")
	if !s.pull(n).Merged {
		t.Errorf("all is applied and not merged:\n%s", s.conversation(n))
	}
}

// waits wants a pull request to wait for a plan of everything, and to say so.
func (s *story) waits(number int, title, text string) {
	s.Helper()
	plan, apply := s.check1(number, "lockkeeper/plan"), s.check1(number, "lockkeeper/apply")
	if !strings.HasPrefix(plan.Title, title) || apply.Status != "queued" || s.pull(number).Merged {
		s.Errorf("%q, %s %s %q, merged %t", plan.Title, apply.Status, apply.Conclusion, apply.Title, s.pull(number).Merged)
	}
	s.shown(number, "**Partial plan**")
	s.shown(number, text)
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
	if !s.pull(n).Merged || len(s.said(n)) != 2 {
		t.Errorf("merged %t, want it merged, and nothing said besides the comment and the answer to /apply:\n%s", s.pull(n).Merged, s.conversation(n))
	}
}

func TestT37AnApplyThatFailsIsNotMerged(t *testing.T) {
	t.Parallel()
	s := &story{newStageWith(t, map[string]string{"contents": "write"}, squashes)} // terraform's own failure
	t.Cleanup(s.serve())
	files := aChange("a")
	files["live/dev/orders/extra.tf"] = "resource \"terraform_data\" \"bad\" {\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n}\n"
	n := s.open("a", files)
	s.quiet()
	s.says(ana, n, "/apply")
	if s.pull(n).Merged || !s.applied("a") {
		t.Errorf("merged %t:\n%s", s.pull(n).Merged, s.conversation(n))
	}
}
