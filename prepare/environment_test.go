package prepare

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
			n, _ := w.open(tt.files)
			w.plan(n, nil) // as before the server's config said so
			for environment, to := range tt.given {
				env := w.preparer.Environments.ByName[environment]
				env.For = func(repository string) bool { return repository == to }
				w.preparer.Environments.ByName[environment] = env
			}
			for _, kind := range []run.Kind{run.KindPlan, run.KindApply} {
				p, err := w.preparer.Prepare(t.Context(), w.newRun(n, kind))
				if tt.words == nil {
					w.check(err)
					continue
				}
				w.refused(p, err, tt.words...)
			}
			_, err := w.preparer.Why(t.Context(), w.newRun(n, run.KindPlan).Repository, n, "ana", nil)
			if tt.words != nil {
				w.refused(run.Preparation{}, err, tt.words...)
			} else {
				w.check(err)
			}
		})
	}
}

// What the merge would leave without an environment is said before it.
func TestThePreviewSaysWhichEnvironmentsARepositoryDoesNotGet(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	env := w.preparer.Environments.ByName["prod"]
	env.For = func(string) bool { return false }
	w.preparer.Environments.ByName["prod"] = env
	n, _ := w.open(double.Files{"other/main.tf": root + "# changed\n", "lockkeeper.yml": "version: 1\nprojects:\n  - {name: other, dir: other, environment: prod}\n"})
	p, err := w.preparer.Prepare(t.Context(), w.newRun(n, run.KindPlan))
	w.check(err)
	if !slices.ContainsFunc(p.Notes, func(note string) bool {
		return strings.Contains(note, "After the merge nothing is planned for `other: environment prod`")
	}) {
		t.Errorf("notes %q", p.Notes)
	}
}
