package prepare

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// Between the verdict and the start: what counts is what the server lists then,
// and the default branch that git names.
func TestT08TheBaseIsLookedAtAgainBeforeTheStart(t *testing.T) {
	for name, tt := range map[string]struct {
		listed []string
		base   string
		code   string
	}{
		"the default branch":                    {nil, "main", ""},
		"another, without a list":               {nil, "release", "trusted_base"},
		"listed":                                {[]string{"main", "release"}, "release", ""},
		"no longer listed":                      {[]string{"main"}, "release", "trusted_base"},
		"the default branch, which is not":      {[]string{"release"}, "main", "trusted_base"},
		"a ref instead of a branch":             {nil, "refs/heads/main", "trusted_base"},
		"in another case, without regard to it": {[]string{"Release"}, "release", "trusted_base"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			_, err := w.github.As("ana").Push(repository, "release", "x", double.Files{"x": "y"})
			w.check(err)
			_, sha := w.open(change("other/main.tf"))
			tip, err := w.github.Tip(repository, "release")
			w.check(err)
			if tt.base == "main" {
				tip, err = w.github.Tip(repository, "main")
				w.check(err)
			}
			w.preparer.Branches = func(string) []string { return tt.listed }
			err = w.preparer.Recheck(t.Context(), run.Run{
				Repository:  run.Repository{ID: w.repositoryID(), Owner: "acme", Name: "infra", InstallationID: 1},
				PullRequest: 1, HeadRef: "topic", HeadSHA: sha, BaseRef: tt.base, BaseSHA: tip,
			})
			if tt.code == "" {
				w.check(err)
				return
			}
			w.refused(run.Preparation{}, err, tt.code)
		})
	}
}
