package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// T22: whatever happened to the stored plan, terraform never sees another one.
func TestT22AChangedPlanFileIsNotApplied(t *testing.T) {
	other := func(project string) github.Files {
		return github.Files{"live/" + project + "/extra.tf": aChange("a")["live/dev/network/extra.tf"]}
	}
	for _, tt := range []struct {
		name   string
		tamper func(s *story, n int, file string) error
	}{
		{"one bit flipped", func(_ *story, _ int, file string) error {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			content[len(content)/2] ^= 1
			return os.WriteFile(file, content, 0o600)
		}},
		{"another project's", func(s *story, n int, file string) error {
			return copyFile(s.planFile(n, "orders-dev"), file)
		}},
		{"an older one of the project", func(s *story, n int, file string) error {
			s.says(ana, n, "/plan")
			return copyFile(file, s.planFile(n, "network-dev"))
		}},
		{"cut", func(_ *story, _ int, file string) error { return os.Truncate(file, 100) }},
		{"gone", func(_ *story, _ int, file string) error { return os.Remove(file) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name != "one bit flipped" && tt.name != "another project's" {
				long(t) // the runner's own tests have them all
			}
			s := newScriptStory(t, countingApplies)
			files := aChange("a")
			for path, content := range other("dev/orders") {
				files[path] = content
			}
			n := s.open("a", files)
			s.quiet()
			s.check(tt.tamper(s, n, s.planFile(n, "network-dev")))
			s.says(ana, n, "/apply network-dev")
			s.untouched(n)
			if got := s.marks("applied"); got != 0 {
				t.Errorf("terraform apply ran %d times", got)
			}
			s.wants(strings.ToLower(s.conversation(n)), "plan")
		})
	}
}

// planFile is where the newest plan of a project is stored.
func (s *story) planFile(number int, project string) string {
	s.Helper()
	for _, r := range s.runs(number) {
		for _, j := range r.Jobs {
			if r.Kind == run.KindPlan && j.Document.Project.Name == project {
				return filepath.Join(s.dir, "server", "artifacts", filepath.FromSlash(j.Result.Artifacts[run.ArtifactPlan].Key))
			}
		}
	}
	s.Fatalf("no plan of %s", project)
	return ""
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
