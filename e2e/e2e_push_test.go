package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// gated is a terraform whose init, plan and apply wait until they are opened.
const gated = `
case "$1" in init|plan|apply)
	trap 'exit 130' INT
	[ -e "$dir/open-$1" ] || echo "$$" >> "$dir/waits-$1"
	while [ ! -e "$dir/open-$1" ]; do sleep 0.01; done
	trap - INT
esac
exec "$terraform" "$@"
`

// steps is where the terraform commands of a stage wait.
type steps struct{ *stage }

func (g steps) open(commands ...string) {
	g.Helper()
	for _, c := range commands {
		g.check(os.WriteFile(filepath.Join(g.dir, "open-"+c), nil, 0o600))
	}
}

func (g steps) close(command string) {
	g.Helper()
	g.check(os.Remove(filepath.Join(g.dir, "open-"+command)))
}

// await waits until a command waits.
func (g steps) await(command string) {
	g.Helper()
	g.poll("terraform "+command+" to begin", func() bool { return g.marks("waits-"+command) > 0 })
}

// newGatedStory is a story whose terraform waits at init, plan and apply.
func newGatedStory(t *testing.T, change ...func(map[string]any)) (*story, steps) {
	t.Helper()
	s := newScriptStory(t, gated, change...)
	return s, steps{s.stage}
}

// T18: a push at each of the four points between the comment and terraform. The
// commit that was judged is applied, or nothing.
func TestT18APushBetweenTheCommentAndItsWebhookWins(t *testing.T) {
	for name, push := range map[string]func(p *github.Person) error{
		"a push": func(p *github.Person) error {
			_, err := p.Push(sandbox.Repository, "a", "second", aChange("second"))
			return err
		},
		"a force push": func(p *github.Person) error {
			_, err := p.ForcePush(sandbox.Repository, "a", "second", aChange("second"))
			return err
		},
		"a push of the same tree": func(p *github.Person) error {
			if _, err := p.Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
				return err
			}
			_, err := p.Push(sandbox.Repository, "a", "back", aChange("a"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "a push" {
				long(t)
			}
			s := newStory(t)
			n := s.planned("a")
			faults := s.world.GitHub.Faults()
			faults.DelayWebhooks(time.Minute)
			_, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/apply")
			s.check(err)
			s.check(push(s.world.GitHub.As(ana)))
			faults.DelayWebhooks(0)
			faults.Advance(time.Minute)
			s.quiet()
			s.refused(n)
		})
	}
}

func TestT18APushWhileTheGateReadsWins(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	s.approve(rui, n)
	s.world.GitHub.Faults().BeforeNext("/reviews", func() {
		if _, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
			t.Error(err)
		}
	})
	s.says(ana, n, "/apply")
	s.untouched(n)
}

// beforeGit runs do before the first call of git that comes when a condition
// holds.
func (s *story) beforeGit(cond func() bool, do func()) {
	s.world.GitHub.Faults().BeforeNext("git-upload-pack", func() {
		if cond() {
			do()
			return
		}
		s.beforeGit(cond, do)
	})
}

func TestT18APushBetweenTheGateAndTheStartWins(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	pushed := false
	s.beforeGit(func() bool { a := s.applies(n); return len(a) == 1 && a[0].State == run.StateRunning }, func() {
		pushed = true
		if _, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
			t.Error(err)
		}
	})
	s.says(ana, n, "/apply")
	if !pushed {
		t.Fatal("nothing looked at the branch before the apply began")
	}
	s.untouched(n)
}

func TestT18APushBetweenTheStartAndTerraformWins(t *testing.T) {
	s, gate := newGatedStory(t, func(c map[string]any) { c["limits"] = map[string]any{"terraform_processes": 1} })
	gate.open("init", "plan", "apply")
	n := s.planned("a")
	gate.close("plan")
	s.open("b", github.Files{"live/dev/orders/extra.tf": aChange("b")["live/dev/network/extra.tf"]})
	gate.await("plan") // which has the only turn
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	s.poll("the apply to be taken", func() bool {
		a := s.applies(n)
		if len(a) == 0 || len(a[0].Jobs) == 0 {
			return false
		}
		_, err := os.Stat(filepath.Join(s.dir, "server", "jobs", a[0].Jobs[0].ID))
		return err == nil
	})
	_, err = s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	s.poll("the push", func() bool { return s.applies(n)[0].SupersededBy != "" })
	gate.open("plan")
	s.quiet()
	s.untouched(n)
}

func TestT18APushDuringAnApplyLetsItEnd(t *testing.T) {
	s, gate := newGatedStory(t)
	gate.open("init", "plan")
	n := s.planned("a")
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	gate.await("apply")
	_, err = s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	s.poll("the push", func() bool { return s.applies(n)[0].SupersededBy != "" })
	gate.open("apply")
	s.quiet()
	if !s.applied("a") {
		t.Errorf("a push ended an apply in the middle:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion == "success" {
		t.Error("the new commit counts as applied")
	}
}
