package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// inContainer starts the server as the first process of process ids of its own, as
// in a container: when it ends, the kernel kills all that it started. What terraform
// does with `apply` it does when the file go is there.
func inContainer(t *testing.T) (s *story, goOn string) {
	t.Parallel()
	s = &story{newStage(t, approvals(0), aScript, func(c map[string]any) { c["drain"] = "1m" })}
	s.attributes = ownMounts()
	s.attributes.Cloneflags |= syscall.CLONE_NEWPID
	s.wrapper = []string{"sh", "-c", `mount -t proc proc /proc && exec "$@"`, "sh"}
	s.script(`[ "$1" = apply ] && { echo >> $dir/go.applies; until [ -e $dir/go ]; do sleep 0.05; done; }
exec $terraform "$@"
`)
	return s, filepath.Join(s.dir, "go")
}

// underWay has an apply under way, and returns its pull request.
func (s *story) underWay(goOn string) int {
	s.Helper()
	author := s.world.GitHub.As(demo.Author)
	_, err := author.Push(sandbox.Repository, "a", "One change", github.Files(aChange("drained")))
	s.check(err)
	n, err := author.OpenPull(sandbox.Repository, "a", demo.DefaultBranch, "One change", "", false)
	s.check(err)
	s.until("the plan", func() bool { return len(s.plans(n)) == 1 })
	s.quiet()
	_, err = author.Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	s.poll("the apply to begin", func() bool { return s.count(goOn) == 1 })
	return n
}

// count is how often terraform was told to apply.
func (s *story) count(goOn string) int {
	content, err := os.ReadFile(goOn + ".applies")
	if err != nil {
		return 0
	}
	return strings.Count(string(content), "\n")
}

// A pod that is replaced, a container that is stopped: SIGTERM, and nothing is lost.
func TestAContainerThatIsToldToEndWaitsForItsApply(t *testing.T) {
	s, goOn := inContainer(t)
	s.launch()
	defer s.kill()
	n := s.underWay(goOn)
	s.check(s.process.Process.Signal(syscall.SIGTERM))
	s.poll("the server to say that it waits", func() bool { return strings.Contains(s.log(), "applies are waited for") })
	s.check(os.WriteFile(goOn, nil, 0o600))
	s.poll("the server to end", s.dead)
	s.wants(s.log(), `"ok":true`)
	s.kill()
	s.launch()
	s.quiet()
	s.wants(s.conversation(n), "Applied")
	if got := s.count(goOn); got != 1 {
		t.Errorf("terraform applied %d times", got)
	}
}

// What is killed with all that it started ends as every crash does: people are told to
// look, and nothing is repeated.
func TestAContainerThatIsKilledInAnApplyRepeatsNothing(t *testing.T) {
	s, goOn := inContainer(t)
	s.launch()
	defer s.kill()
	n := s.underWay(goOn)
	s.kill()
	s.check(os.WriteFile(goOn, nil, 0o600))
	s.launch()
	s.until("the end of the apply", func() bool { return strings.Contains(s.conversation(n), "Nobody knows how far it got") })
	s.quiet()
	if got := s.count(goOn); got != 1 {
		t.Errorf("terraform was told to apply %d times", got)
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion == "success" {
		t.Errorf("the check is %s: %s", c.Conclusion, c.Title)
	}
}
