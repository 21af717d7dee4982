package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// checkLog keeps what was last written to each check run, because the page of a
// pull request shows those of its head only.
type checkLog struct {
	mu   sync.Mutex
	last map[int64]checkUpdate // guarded by mu
}

type checkUpdate struct{ Status, Conclusion string }

func (s *stage) logChecks() *checkLog {
	l := &checkLog{last: map[int64]checkUpdate{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = func(_ int, r *http.Request, serve func()) {
		id, err := strconv.ParseInt(path.Base(r.URL.Path), 10, 64)
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/check-runs/") && err == nil {
			body, _ := io.ReadAll(r.Body) // a broken body is the double's to refuse
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			var u checkUpdate
			if json.Unmarshal(body, &u) == nil {
				l.mu.Lock()
				l.last[id] = u
				l.mu.Unlock()
			}
		}
		serve()
	}
	return l
}

func (l *checkLog) of(id int64) checkUpdate {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[id]
}

// heldPlan opens a pull request whose plan waits at the gate, and waits until
// its check run shows that.
func (s *story) heldPlan(g gate, branch string) (number int, check github.CheckView) {
	s.Helper()
	number = s.open(branch, aChange(branch))
	g.await(1)
	s.until("the check run", func() bool { return len(s.pull(number).Checks) > 0 })
	return number, s.check1(number, "lockkeeper/plan")
}

func TestAPushDuringAPlanEndsItAndIsPlanned(t *testing.T) {
	s, gate := newHeldStory(t)
	checks := s.logChecks()
	n, old := s.heldPlan(gate, "a")
	if old.Status == "completed" {
		t.Fatalf("the check is over while terraform runs: %+v", old)
	}
	sha, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	gate.await(2) // the second plan begins while nobody opened the gate for the first
	gate.open()
	s.quiet()
	if got := checks.of(old.ID); got.Status != "completed" || got.Conclusion != "cancelled" && got.Conclusion != "neutral" && got.Conclusion != "skipped" {
		t.Errorf("the old commit's check ended as %+v", got)
	}
	if got := s.plans(n); len(got) != 1 || !strings.Contains(got[0].Body, sha[:7]) {
		t.Errorf("want one comment, for %s:\n%s", sha[:7], s.conversation(n))
	}
	runs := s.runs(n)
	if len(runs) != 2 || runs[0].State != run.StateSucceeded || runs[1].State != run.StateSuperseded {
		t.Errorf("runs %+v", runs)
	}
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "success" {
		t.Errorf("the new commit's check is %+v", c)
	}
}

func TestAPushWhileACommandIsPreparedPlansTheNewCommit(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	// The command has read the head when the push arrives, and is pinned to the
	// old commit after the push was acted on.
	var push sync.Once
	var sha string
	s.mu.Lock()
	s.onCall = func(_ int, r *http.Request, serve func()) {
		serve()
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/pulls/") {
			return
		}
		push.Do(func() {
			var err error
			if sha, err = s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
				t.Error(err)
			}
			for len(s.runs(n)) < 3 && r.Context().Err() == nil { // the push has its run
				if err := s.world.GitHub.Wait(r.Context(), func() bool { return len(s.runs(n)) >= 3 }); err != nil {
					return
				}
			}
		})
	}
	s.mu.Unlock()
	s.says(rui, n, "/plan")
	if sha == "" {
		t.Fatal("nothing was pushed")
	}
	if got := s.plans(n); len(got) != 1 || !strings.Contains(got[0].Body, "### Plan for `"+sha[:7]) && !strings.Contains(got[0].Body, "### Plan for "+sha[:7]) {
		t.Errorf("want one comment, for %s:\n%s", sha[:7], s.conversation(n))
	}
	for _, c := range s.pull(n).Checks {
		if c.Status != "completed" && c.Name != "lockkeeper/apply" { // that one waits for a person
			t.Errorf("check %s is %s", c.Name, c.Status)
		}
	}
}

func TestCancelDuringAPlanSaysWhoAndEndsTheCheck(t *testing.T) {
	s, gate := newHeldStory(t)
	n, _ := s.heldPlan(gate, "a")
	id := s.says(rui, n, "/cancel") // the gate stays closed: only the cancel ends the plan
	if got := s.reactions(n, id); len(got) != 1 || got[0] != "+1" {
		t.Errorf("reactions %v", got)
	}
	if c := s.check1(n, "lockkeeper/plan"); c.Status != "completed" || c.Conclusion != "cancelled" {
		t.Errorf("the check is %s %s", c.Status, c.Conclusion)
	}
	if len(s.plans(n)) != 1 {
		t.Fatalf("want one comment:\n%s", s.conversation(n))
	}
	s.wants(s.plans(n)[0].Body, "ancelled", rui)
	if r := s.runs(n)[0]; r.State != run.StateCancelled || r.CancelledBy != rui {
		t.Errorf("the run is %s, cancelled by %q", r.State, r.CancelledBy)
	}
	gate.open()
	s.says(rui, n, "/plan")
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "success" {
		t.Errorf("planned again, the check is %s %s", c.Status, c.Conclusion)
	}
}

func TestClosingDuringAPlanEndsIt(t *testing.T) {
	for _, tt := range []struct {
		name string
		act  func(s *story, n int) error
	}{
		{"closed", func(s *story, n int) error { return s.world.GitHub.As(rui).ClosePull(sandbox.Repository, n) }},
		{"merged", func(s *story, n int) error {
			_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, n, "merge")
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, gate := newHeldStory(t)
			n, _ := s.heldPlan(gate, "a")
			s.check(tt.act(s, n))
			s.quiet() // with the gate closed
			if r := s.runs(n)[0]; r.State != run.StateCancelled || !r.Closed {
				t.Errorf("the run is %s, closed %t", r.State, r.Closed)
			}
			if c := s.check1(n, "lockkeeper/plan"); c.Status != "completed" {
				t.Errorf("the check is %s", c.Status)
			}
			if got := len(s.plans(n)); got > 1 {
				t.Errorf("%d plan comments", got)
			}
		})
	}
}

func TestAConfigThatArrivesOnTheBaseBranchCountsForTheNextPlan(t *testing.T) {
	s := newStory(t)
	config := demo.Files()["lockkeeper.yml"]
	_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "No config", github.Files{"lockkeeper.yml": github.Deleted})
	s.check(err)
	n := s.planned("a")
	before := s.runs(n)[0].Jobs[0].Document.Project.Name
	_, err = s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "A config", github.Files{"lockkeeper.yml": string(config)})
	s.check(err)
	s.quiet()
	s.says(rui, n, "/plan")
	after := s.runs(n)[0].Jobs[0].Document.Project
	if before == after.Name || after.Name != "network-dev" || len(after.VarFiles) != 1 {
		t.Errorf("project %q before, then %+v", before, after)
	}
	if got := s.plans(n); len(got) != 1 || !strings.Contains(got[0].Body, "network-dev") {
		t.Errorf("want one comment, about network-dev:\n%s", s.conversation(n))
	}
}

func TestABaseBranchOtherThanTheDefaultGivesConfigAndChanges(t *testing.T) {
	s := newStory(t, branches("main", "release"))
	author := s.world.GitHub.As(ana)
	_, err := author.Push(sandbox.Repository, "release", "Two lives of one directory", github.Files{
		"lockkeeper.yml": "version: 1\nprojects:\n" +
			"  - {name: net, dir: live/dev/network, branch: release, environment: dev, var_files: [dev.tfvars]}\n" +
			"  - {name: trunk, dir: live/dev/network, branch: main, environment: dev, var_files: [dev.tfvars]}\n"})
	s.check(err)
	_, err = author.Push(sandbox.Repository, "unrelated", "From main", aChange("b"))
	s.check(err)
	n, err := author.OpenPull(sandbox.Repository, "unrelated", "release", "To release", "", false)
	s.check(err)
	s.quiet()
	r := s.runs(n)[0]
	if r.State != run.StateSucceeded || r.BaseRef != "release" || len(r.Jobs) != 1 || r.Jobs[0].Document.Project.Name != "net" {
		t.Errorf("run %s of base %s with jobs %+v", r.State, r.BaseRef, r.Jobs)
	}
	s.wants(s.last(n), "release", "net")
}
