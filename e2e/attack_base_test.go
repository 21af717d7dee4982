package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// ben may write, and does what ana asks of him.
const ben = "ben-accomplice"

// rootModule is the code of a project with one resource.
func rootModule(resource string) string {
	return "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"" + resource + "\" {}\n"
}

// environment adds one to the server's config.
func environment(name string, policy map[string]any) func(map[string]any) {
	return func(c map[string]any) {
		all := c["environments"].(map[string]any)
		added := maps.Clone(all["dev"].(map[string]any))
		added["policy"] = policy
		all[name] = added
	}
}

// branches lists the branches that may be a base.
func branches(names ...string) func(map[string]any) {
	return func(c map[string]any) { c["branches"] = names }
}

// newStoryOf is a story whose repository holds these files and nothing else.
func newStoryOf(t *testing.T, files github.Files, change ...func(map[string]any)) *story {
	t.Helper()
	s := newStory(t, change...)
	s.begins(files)
	return s
}

// begins replaces what is on the default branch.
func (s *story) begins(files github.Files) {
	s.Helper()
	s.check(s.world.GitHub.SetPermission(sandbox.Repository, ben, "write"))
	all := github.Files{}
	for name := range demo.Files() {
		all[name] = github.Deleted
	}
	maps.Copy(all, files)
	s.pushes(ana, demo.DefaultBranch, all)
}

// pushes pushes to a branch, a new one from the default branch, and waits.
func (s *story) pushes(who, branch string, files github.Files) (sha string) {
	s.Helper()
	sha, err := s.world.GitHub.As(who).Push(sandbox.Repository, branch, "Change "+branch, files)
	s.check(err)
	s.quiet()
	return sha
}

// asks opens a pull request of a branch into a base, and waits.
func (s *story) asks(who, branch, base string) (number int) {
	s.Helper()
	number, err := s.world.GitHub.As(who).OpenPull(sandbox.Repository, branch, base, "Change "+branch, "", false)
	s.check(err)
	s.quiet()
	return number
}

// nothingRuns fails the test when anything ran for a pull request or a check of
// it lets it be merged, and unless somebody who asks is told so.
func (s *story) nothingRuns(number int, words ...string) {
	s.Helper()
	for _, command := range []string{"/plan", "/apply", "/why"} {
		before := len(s.said(number))
		s.says(ana, number, command)
		if got := len(s.said(number)) - before; got != 1 {
			s.Errorf("%s has %d answers, want one:\n%s", command, got, s.conversation(number))
		}
		s.wants(s.last(number), append(words, "base")...)
	}
	for _, r := range s.runs(number) {
		if len(r.Jobs) > 0 {
			s.Errorf("a %s of %d projects ran", r.Kind, len(r.Jobs))
		}
	}
	for _, c := range s.pull(number).Checks {
		if c.Conclusion == "success" || c.Conclusion == "neutral" || c.Conclusion == "skipped" {
			s.Errorf("the check %s is %s: %s", c.Name, c.Conclusion, c.Title)
		}
	}
}

// A branch that somebody pushed a minute ago holds the rules that suit them.
func TestA2TheAuthorDoesNotChooseWhereTheRulesAreRead(t *testing.T) {
	const own = "version: 1\nprojects:\n  - {name: net, dir: live, environment: %, branch: @}\n"
	config := func(environment, branch string) string {
		return strings.NewReplacer("%", environment, "@", branch).Replace(own)
	}
	t.Run("code owners", func(t *testing.T) {
		s := newStoryOf(t, github.Files{"lockkeeper.yml": config("owned", "main"), "CODEOWNERS": "* @" + rui + "\n", "live/main.tf": rootModule("x")},
			environment("owned", map[string]any{"approvals": 1, "code_owners": true}))
		s.pushes(ana, "evil", github.Files{"lockkeeper.yml": config("owned", "evil"), "CODEOWNERS": "* @" + ben + "\n"})
		s.pushes(ana, "change", github.Files{"live/main.tf": rootModule("evil"), "lockkeeper.yml": config("owned", "evil"), "CODEOWNERS": "* @" + ben + "\n"})
		n := s.asks(ana, "change", "evil")
		s.approve(ben, n)
		s.nothingRuns(n, "`evil`", "`main`")
	})
	t.Run("another environment", func(t *testing.T) {
		s := newStoryOf(t, github.Files{"lockkeeper.yml": config("prod", "main"), "live/main.tf": rootModule("x")})
		s.pushes(ana, "evil", github.Files{"lockkeeper.yml": config("dev", "evil")})
		s.pushes(ana, "change", github.Files{"live/main.tf": rootModule("evil"), "lockkeeper.yml": config("dev", "evil")})
		s.nothingRuns(s.asks(ana, "change", "evil"), "`evil`", "`main`")
	})
	t.Run("rules for plans", func(t *testing.T) {
		withEvaluator(t)
		files := github.Files{"lockkeeper.yml": config("dev", "main"), "live/main.tf": rootModule("x"), "policy/deny.rego": noExtras}
		s := storyAlone(t, func(c map[string]any) { c["plan_policy"] = map[string]any{"dir": "policy"} })
		s.begins(files)
		harmless := github.Files{"lockkeeper.yml": config("dev", "evil"), "policy/deny.rego": "package main\n\ndeny contains \"no\" if false\n"}
		s.pushes(ana, "evil", harmless)
		change := maps.Clone(harmless)
		change["live/main.tf"] = rootModule("extra")
		s.pushes(ana, "change", change)
		s.nothingRuns(s.asks(ana, "change", "evil"), "`evil`", "`main`")
	})
}
