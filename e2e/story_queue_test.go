package e2e

import (
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// enqueued puts a pull request into the merge queue and returns the checks of
// its group when everything is done.
func (s *story) enqueued(number int) map[string]github.CheckView {
	s.Helper()
	sha, err := s.world.GitHub.As(rui).Enqueue(sandbox.Repository, number)
	s.check(err)
	s.quiet()
	checks, err := s.world.GitHub.Checks(sandbox.Repository, sha)
	s.check(err)
	out := map[string]github.CheckView{}
	for _, c := range checks {
		out[c.Name] = c
	}
	return out
}

func TestTheMergeQueueIsAnsweredOnTheGroupsCommit(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	before := s.plans(n)[0].Body
	checks := s.enqueued(n)
	began := time.Now().Unix()
	if c := checks["lockkeeper/apply"]; c.Status != "completed" || c.Conclusion != "failure" {
		t.Errorf("with something left to apply, the group's check is %s %s", c.Status, c.Conclusion)
	}
	if got := s.plans(n)[0].Body; got != before {
		t.Errorf("the queue changed the comment:\n%s", got)
	}
	s.check(s.world.GitHub.As(rui).Dequeue(sandbox.Repository, n))
	s.quiet()
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s", s.conversation(n))
	}
	s.poll("the next second: in this one the group would be the same commit", func() bool { return time.Now().Unix() > began })
	checks = s.enqueued(n)
	for _, name := range []string{"lockkeeper/plan", "lockkeeper/apply"} {
		if c := checks[name]; c.Status != "completed" || c.Conclusion != "success" {
			t.Errorf("with everything applied, the group's %s is %q %q: %s", name, c.Status, c.Conclusion, c.Title)
		}
	}
}

func TestTheMergeQueueIsAnsweredWhenNoProjectIsTouched(t *testing.T) {
	s := newStory(t)
	n := s.open("docs", github.Files{"docs.md": "hello\n"})
	s.quiet()
	for name, c := range s.enqueued(n) {
		if c.Status != "completed" || c.Conclusion != "neutral" {
			t.Errorf("%s is %s %s", name, c.Status, c.Conclusion)
		}
	}
}

func TestAPullRequestThatLeavesTheMergeQueueEndsItsPlan(t *testing.T) {
	s, gate := newHeldStory(t)
	gate.open()
	n := s.planned("a")
	gate.close()
	began := gate.plans()
	_, err := s.world.GitHub.As(rui).Enqueue(sandbox.Repository, n)
	s.check(err)
	gate.await(began + 1)
	s.check(s.world.GitHub.As(rui).Dequeue(sandbox.Repository, n))
	s.quiet() // with the gate closed
	if r := s.runs(n)[0]; r.OfPull() || r.State != run.StateCancelled {
		t.Errorf("the newest run is %s by %s", r.State, r.Trigger)
	}
	gate.open()
}
