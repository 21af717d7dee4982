package e2e

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// A new repository of somebody else, on which the App is installed as on all of an
// owner's, names the environment of another one in a lockkeeper.yml of its own.
func TestAnotherRepositoryThatNamesAnEnvironmentGetsNothingOfIt(t *testing.T) {
	t.Setenv("SECRET_OF_PROD", "the-secret-of-prod")
	s := storyAlone(t, func(c map[string]any) {
		prod := c["environments"].(map[string]any)["prod"].(map[string]any)
		prod["variables"] = map[string]any{"PROD_SECRET": map[string]any{"env": "SECRET_OF_PROD"}}
		prod["repositories"] = []string{"acme/*"}
	})
	before := s.state("network-prod")
	s.evil(github.Files{
		"lockkeeper.yml": "version: 1\nprojects:\n  - {name: network-prod, dir: x, environment: prod}\n", "x/main.tf": "terraform {\n  backend \"local\" {}\n}\n",
	})
	g := s.world.GitHub
	_, err := g.As("mallory").Push(evil, "a", "x", github.Files{"x/a.tf": "resource \"terraform_data\" \"mallory\" {\n  input = \"theirs\"\n}\n"})
	s.check(err)
	m, err := g.As("mallory").OpenPull(evil, "a", "main", "x", "", false)
	s.check(err)
	s.quiet()
	_, err = g.As("mallet").Review(evil, m, "APPROVE", "")
	s.check(err)
	for _, body := range []string{"/apply", "/plan", "/why"} {
		_, err = g.As("mallory").Comment(evil, m, body)
		s.check(err)
		s.quiet()
	}
	if s.state("network-prod") != before {
		t.Error("the state of another repository's project changed")
	}
	v, err := g.Pull(evil, m)
	s.check(err)
	told := 0
	for _, c := range v.Comments() {
		if strings.Contains(c.Body, "environment `prod`, which this server does not give to `mallory/evil`") {
			told++
		}
	}
	if told == 0 {
		t.Errorf("nobody is told: %+v", v.Comments())
	}
	for _, c := range v.Checks {
		if c.Conclusion == "success" || c.Conclusion == "neutral" {
			t.Errorf("the check %s is %s", c.Name, c.Conclusion)
		}
	}
}
