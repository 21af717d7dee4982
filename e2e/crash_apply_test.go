package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// TestT35KilledDuringAnApplyNothingIsAppliedTwice kills the server before and
// after each of its calls of GitHub and around terraform while it applies, and
// starts it again. What is applied writes a line into a ledger.
func TestT35KilledDuringAnApplyNothingIsAppliedTwice(t *testing.T) {
	t.Parallel()
	var shim string
	s := newStage(t, func(c map[string]any) {
		shim = filepath.Join(filepath.Dir(c["data_dir"].(string)), "terraform")
		aScript(c)
		c["terraform"] = map[string]any{"binaries": []string{shim}}
	})
	_, arm := s.terraformThatKills()
	s.launch()
	defer s.kill()
	author := s.world.GitHub.As(demo.Author)
	_, err := author.Push(sandbox.Repository, "crash", "Keep a ledger", s.ledgerOf(0))
	s.check(err)
	number, err := author.OpenPull(sandbox.Repository, "crash", demo.DefaultBranch, "Keep a ledger", "", false)
	s.check(err)

	round, deaths, applied := 0, 0, 0
	crash := func(point string, set func()) {
		round++
		_, err := author.Push(sandbox.Repository, "crash", "Another line", s.ledgerOf(round))
		s.check(err)
		s.until("the plan of round "+fmt.Sprint(round), func() bool { return s.newest(number, run.KindPlan).HeadSHA == s.pull(number).HeadSHA })
		s.quiet()
		died, done := s.crashApply(number, round, point, set)
		if died {
			deaths++
		}
		if done {
			applied++
		}
	}
	for call := 1; call <= 10; call += step() {
		for _, when := range sides(call) {
			crash(fmt.Sprintf("%s call %d of GitHub", when, call), func() { s.killAround(when, call) })
		}
	}
	for _, when := range []string{"before", "after"} {
		crash(when+" terraform apply", func() { arm(when, "apply") })
	}
	// An apply may need fewer calls than there are points, but not far fewer.
	if enough := round * 2 / 3; deaths < enough || applied < enough {
		t.Errorf("the server died at %d of %d points, and %d applies were done: this test tests too little", deaths, round, applied)
	}
}

// ledgerOf is a change whose apply writes the number of a round.
func (s *stage) ledgerOf(round int) github.Files {
	return github.Files{"live/dev/network/ledger.tf": fmt.Sprintf(`
resource "terraform_data" "ledger" {
  triggers_replace = [%[1]d]
  provisioner "local-exec" {
    command = "echo %[1]d >> %[2]s"
  }
}
`, round, filepath.Join(s.dir, "ledger"))}
}

func (s *stage) newest(number int, kind run.Kind) run.Run {
	for _, r := range s.runs(number) {
		if r.Kind == kind {
			return r
		}
	}
	return run.Run{}
}

// crashApply asks for an apply with a trap set, starts the server again if it
// fell into it, and checks that a person can act on what is left.
func (s *stage) crashApply(number, round int, point string, set func()) (died, applied bool) {
	s.Helper()
	before := len(s.runs(number))
	set()
	_, err := s.world.GitHub.As(demo.Author).Comment(sandbox.Repository, number, "/apply")
	s.check(err)
	s.poll("the end of the server or of the apply, killed "+point, func() bool { return s.dead() || s.unfinished() == "" && len(s.runs(number)) > before })
	s.mu.Lock()
	s.onCall = nil
	s.mu.Unlock()
	if died = s.dead(); died {
		s.kill()
		s.launch()
	}
	s.poll("the apply, killed "+point, func() bool { return len(s.runs(number)) > before })
	s.quiet()

	lines := s.applications(round)
	r := s.newest(number, run.KindApply)
	switch {
	case lines > 1:
		s.Fatalf("killed %s: applied %d times", point, lines)
	case r.State == run.StateSucceeded && lines != 1:
		s.Fatalf("killed %s: the run succeeded and nothing is applied", point)
	case r.State != run.StateSucceeded && r.State != run.StateFailed && r.State != run.StateRefused:
		s.Fatalf("killed %s: the apply is %s", point, r.State)
	case r.State != run.StateSucceeded && s.problem(r) == "":
		s.Fatalf("killed %s: the apply is %s and nobody says why", point, r.State)
	}
	s.parses(point)
	if got := len(s.plans(number)); got != 1 {
		s.Fatalf("killed %s: %d comments about plans, want 1:\n%s", point, got, s.conversation(number))
	}
	return died, r.State == run.StateSucceeded
}

// problem is why a run did not succeed.
func (s *stage) problem(r run.Run) string {
	if r.Problem != nil {
		return r.Problem.Message
	}
	for _, j := range r.Jobs {
		if j.Result != nil && j.Result.Problem != nil {
			return j.Result.Problem.Message
		}
	}
	return ""
}

// applications is how often a round was applied.
func (s *stage) applications(round int) int {
	content, err := os.ReadFile(filepath.Join(s.dir, "ledger"))
	if err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(content)) {
		if strings.TrimSpace(line) == fmt.Sprint(round) {
			n++
		}
	}
	return n
}

// parses makes sure that the state is whole.
func (s *stage) parses(point string) {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "states", "network-dev.tfstate"))
	if os.IsNotExist(err) {
		return // nothing was applied yet
	}
	s.check(err)
	var state struct {
		Serial int `json:"serial"`
	}
	if err := json.Unmarshal(content, &state); err != nil || state.Serial == 0 {
		s.Fatalf("killed %s: the state does not parse: %v\n%s", point, err, content)
	}
}
