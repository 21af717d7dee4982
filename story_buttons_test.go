package main

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

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
