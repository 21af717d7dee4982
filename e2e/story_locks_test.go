package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

// holds fails the test unless exactly this pull request holds network-dev; 0 is
// nobody.
func (s *story) holds(number int) {
	s.Helper()
	var want []string
	if number > 0 {
		want = []string{fmt.Sprintf("network-dev@%d", number)}
	}
	if got := s.holders(); !slices.Equal(got, want) {
		s.Errorf("locks of %v, want %v", got, want)
	}
}

// shown waits until the plan's comment of a pull request holds a text.
func (s *story) shown(number int, text string) {
	s.Helper()
	s.until(fmt.Sprintf("%q in the comment of #%d", text, number), func() bool {
		plans := s.plans(number)
		return len(plans) == 1 && strings.Contains(plans[0].Body, text)
	})
}

func TestTheSecondPullRequestWaitsInLineAndGetsItsTurn(t *testing.T) {
	s := newStory(t)
	first, second, third := s.planned("a"), s.planned("b"), s.planned("c")
	s.holds(first)
	for _, n := range []int{second, third} {
		s.wants(s.plans(n)[0].Body, fmt.Sprintf("#%d", first), "network-dev")
		s.says(ana, n, "/apply")
		s.refused(n, fmt.Sprintf("#%d", first))
	}
	s.says(ana, first, "/apply")
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s", s.conversation(first))
	}
	s.holds(first) // until it is merged
	_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, first, "merge")
	s.check(err)
	s.quiet()
	s.holds(second)
	r := s.runs(second)[0]
	if r.Trigger != run.TriggerTurn || r.State != run.StateSucceeded || len(r.Blocked) > 0 {
		t.Errorf("#%d was not planned again by itself: %s by %s, blocked %v", second, r.State, r.Trigger, r.Blocked)
	}
	s.wants(s.plans(third)[0].Body, fmt.Sprintf("#%d", second))
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, second))
	s.quiet()
	s.holds(third)
}

func TestUnlockOfTheOwnLockGivesItToWhoWaits(t *testing.T) {
	s := newStory(t)
	first, second := s.planned("a"), s.planned("b")
	s.says(sam, first, "/unlock")
	s.wants(s.last(first), "write access")
	s.holds(first)
	s.says(rui, first, "/unlock")
	s.wants(s.last(first), "Released `network-dev`")
	s.holds(second)
	if r := s.runs(second)[0]; r.Trigger != run.TriggerTurn || r.State != run.StateSucceeded {
		t.Errorf("#%d was not planned again: %s by %s", second, r.State, r.Trigger)
	}
	s.says(ana, first, "/apply")
	s.refused(first, fmt.Sprintf("#%d", second))
}

func TestT33UnlockOfAnothersLockNeedsTheRightAndTheName(t *testing.T) {
	s := newStory(t, rules("dev", map[string]any{"unlock": []string{"acme/production"}}))
	first, second := s.planned("a"), s.planned("b")
	s.says(rui, second, "/unlock")
	s.holds(first)
	s.says(ana, second, "/unlock network-dev")
	s.wants(s.last(second), "production")
	s.holds(first)
	s.says(rui, second, "/unlock network-dev")
	s.wants(s.last(second), "say why", "reason=")
	s.holds(first)
	s.says(rui, second, "/unlock network-dev reason=abandoned")
	s.wants(s.last(second), "Reason: `abandoned`")
	s.wants(s.last(second), fmt.Sprintf("Released `network-dev`, which #%d held", first))
	s.holds(second)
	s.wants(s.plans(first)[0].Body, "lock")
	s.says(ana, first, "/apply")
	s.refused(first, fmt.Sprintf("#%d", second))
	s.says(ana, second, "/apply")
	if !s.applied("b") {
		t.Errorf("not applied:\n%s", s.conversation(second))
	}
}

func TestT33ARunningApplyKeepsItsLock(t *testing.T) {
	s, gate := newGatedStory(t)
	gate.open("plan", "init")
	n := s.planned("a")
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	gate.await("apply")
	_, err = s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/unlock")
	s.check(err)
	s.until("the answer", func() bool { return strings.Contains(s.last(n), "stays locked") })
	s.holds(n)
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, n))
	s.poll("the close", func() bool { return s.applies(n)[0].Closed })
	s.holds(n) // terraform is changing something
	gate.open("apply")
	s.quiet()
	if !s.applied("a") {
		t.Errorf("a close ended an apply in the middle:\n%s", s.conversation(n))
	}
	s.holds(0)
}

func TestT34ALostCloseFreesTheLocksAtTheNextSweep(t *testing.T) {
	t.Parallel()
	s := &story{newStage(t)}
	s.standIn()
	stop := s.serve()
	first, second := s.planned("a"), s.planned("b")
	s.world.GitHub.Faults().DropWebhooks(1)
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, first))
	s.quiet()
	s.holds(first)
	stop()
	t.Cleanup(s.serve()) // it sweeps at its start
	s.poll("the lock", func() bool { return slices.Contains(s.holders(), fmt.Sprintf("network-dev@%d", second)) })
	s.quiet()
	if r := s.runs(second)[0]; r.Trigger != run.TriggerTurn || r.State != run.StateSucceeded {
		t.Errorf("#%d was not planned again: %s by %s", second, r.State, r.Trigger)
	}
}

func TestTwoProjectsAreHeldTogetherOrNotAtAll(t *testing.T) {
	s := newStory(t)
	first := s.planned("a")
	both := aChange("b")
	both["live/dev/orders/extra.tf"] = both["live/dev/network/extra.tf"]
	second := s.open("b", both)
	s.quiet()
	s.holds(first) // and nobody holds orders-dev
	third := s.open("c", map[string]string{"live/dev/orders/extra.tf": both["live/dev/network/extra.tf"]})
	s.quiet()
	if r := s.runs(third)[0]; len(r.Blocked) == 0 {
		t.Errorf("#%d overtook #%d, which waits for orders-dev, too", third, second)
	}
	s.says(rui, first, "/unlock")
	if got := s.holders(); !slices.Equal(got, []string{fmt.Sprintf("network-dev@%d", second), fmt.Sprintf("orders-dev@%d", second)}) {
		t.Errorf("locks of %v, want both of #%d", got, second)
	}
}

func TestWithLocksAtApplyPlansWaitForNobody(t *testing.T) {
	s := newStory(t, func(c map[string]any) { c["locks"] = map[string]any{"at": "apply"} })
	first, second := s.planned("a"), s.planned("b")
	s.holds(0)
	s.says(ana, second, "/apply")
	if !s.applied("b") {
		t.Fatalf("not applied:\n%s", s.conversation(second))
	}
	s.holds(second)
	s.says(ana, first, "/apply")
	if r := s.applies(first)[0]; r.State != run.StateRefused || s.applied("a") {
		t.Errorf("the apply of #%d is %s:\n%s", first, r.State, s.conversation(first))
	}
	s.wants(s.last(first), fmt.Sprintf("`#%d` holds the lock: when it is released", second))
}
