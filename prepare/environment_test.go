package prepare_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// Whoever writes lockkeeper.yml names any environment; which one a repository gets is
// for the server to say, wherever one is chosen.
func TestARepositoryGetsOnlyEnvironmentsThatAreItsOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		given map[string]string // environment: repository that alone may use it
		files double.Files
		words []string // of the refusal; nothing: it is allowed
	}{
		"of the repository":            {map[string]string{"dev": repository, "prod": repository}, change("other/main.tf"), nil},
		"another one's is not touched": {map[string]string{"prod": "acme/other"}, change("other/main.tf"), nil},
		"another one's default":        {map[string]string{"dev": "acme/other"}, change("other/main.tf"), []string{"foreign_environment", "default environment `dev`", "`acme/infra`", "`environments.dev.repositories`"}},
		"another one's, named":         {map[string]string{"prod": "acme/other"}, change("live/prod/main.tf"), []string{"foreign_environment", "environment `prod`", "`environments.prod.repositories`"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := twoProjects()
			files["lockkeeper.yml"] = "version: 1\nprojects:\n  - {name: other, dir: other}\n  - {name: net-prod, dir: live/prod, environment: prod}\n"
			w := newGateWorld(t, files)
			n, _ := w.Open(tt.files)
			w.Plan(n, nil) // as before the server's config said so
			for environment, to := range tt.given {
				env := w.Preparer.Environments.ByName[environment]
				env.For = func(repository string) bool { return repository == to }
				w.Preparer.Environments.ByName[environment] = env
			}
			for _, kind := range []run.Kind{run.KindPlan, run.KindApply} {
				p, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, kind))
				if tt.words == nil {
					w.Check(err)
					continue
				}
				w.Refused(p, err, tt.words...)
			}
			_, err := w.Gate.Why(t.Context(), w.NewRun(n, run.KindPlan).Repository, n, "ana", nil)
			if tt.words != nil {
				w.Refused(run.Preparation{}, err, tt.words...)
			} else {
				w.Check(err)
			}
		})
	}
}

// What the merge would leave without an environment is said before it.
func TestThePreviewSaysWhichEnvironmentsARepositoryDoesNotGet(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	env := w.Preparer.Environments.ByName["prod"]
	env.For = func(string) bool { return false }
	w.Preparer.Environments.ByName["prod"] = env
	n, _ := w.Open(double.Files{"other/main.tf": root + "# changed\n", "lockkeeper.yml": "version: 1\nprojects:\n  - {name: other, dir: other, environment: prod}\n"})
	p, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindPlan))
	w.Check(err)
	if !slices.ContainsFunc(p.Notes, func(note string) bool {
		return strings.Contains(note, "After the merge nothing is planned for `other: environment prod`")
	}) {
		t.Errorf("notes %q", p.Notes)
	}
}
