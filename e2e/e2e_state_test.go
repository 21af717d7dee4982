package e2e

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// stateElsewhere replaces the backend of network-dev.
func stateElsewhere(backend string) github.Files {
	files := aChange("a")
	files["live/dev/network/versions.tf"] = "terraform {\n" + backend + "}\n"
	return files
}

// deniedForItsState makes sure that a plan says why it cannot be applied, and that it
// cannot.
func (s *story) deniedForItsState(n int, why string) {
	s.Helper()
	comment := s.last(n)
	s.wants(comment, "**Not yet applicable**: "+why, "when that is done `/apply`")
	if strings.Contains(comment, "apply `/apply`") {
		s.Errorf("it offers what is refused:\n%s", comment)
	}
	s.says(ana, n, "/apply")
	s.refused(n, why)
	if c := s.check1(n, "lockkeeper/apply"); c.Status != "queued" {
		s.Errorf("the check is %s %s", c.Status, c.Conclusion)
	}
}

// runatlantis/atlantis#494, #1232: the first apply made everything, the second one made
// it again.
func TestAProjectWithoutABackendIsNotApplied(t *testing.T) {
	s := newStory(t)
	n := s.open("nobackend", stateElsewhere(""))
	s.quiet()
	s.deniedForItsState(n, "The project names no backend, so its state would be lost")
	s.says(ana, n, "/why")
	s.wants(s.last(n), "✗ The project names no backend")

	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "nobackend", "Name a backend", stateElsewhere("  backend \"local\" {}\n"))
	s.check(err)
	s.quiet()
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("with a backend it is not applied:\n%s", s.conversation(n))
	}
}

// The same with a local backend that names a file of its own, where the server names
// none.
func TestALocalBackendBelowTheJobIsNotApplied(t *testing.T) {
	s := newStory(t, func(c map[string]any) {
		delete(c["environments"].(map[string]any)["dev"].(map[string]any), "backend_config")
	})
	n := s.open("a", stateElsewhere("  backend \"local\" {\n    path = \"../states/other.tfstate\"\n  }\n"))
	s.quiet()
	s.deniedForItsState(n, "The local backend has no absolute `path`")
}

// What an apply left beside the backend is repaired by a person: until one says so,
// nothing offers or carries out another apply.
func TestAfterAnApplyThatLeftItsStateBesideTheBackendAPersonSaysWhenToGoOn(t *testing.T) {
	s := terraformStory(t)
	n := s.open("a", github.Files{"live/dev/network/extra.tf": "resource \"terraform_data\" \"other\" {\n  provisioner \"local-exec\" {\n" +
		"    command = \"echo 1 > terraform.tfstate\"\n  }\n}\n"})
	s.quiet()
	s.says(ana, n, "/apply")
	s.wants(s.last(n), "**Do not apply this project again", "`/unlock` and `/plan`")

	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "More", aChange("a"))
	s.check(err)
	s.quiet()
	plan := s.said(n)[0].Body
	s.wants(plan, "**What an earlier apply made is in no backend**: network-dev", "**Not yet applicable**: What an earlier apply made stands only in the server's file `artifacts/runs/")
	if strings.Contains(plan, "apply `/apply`") {
		s.Errorf("it offers what is refused:\n%s", plan)
	}
	s.says(ana, n, "/apply")
	s.refused(n, "What an earlier apply made", "then comment `/unlock` and `/plan`")

	s.says(ana, n, "/unlock")
	s.says(ana, n, "/plan")
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}
