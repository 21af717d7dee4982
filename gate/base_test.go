package gate_test

import (
	"bytes"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// Between the verdict and the start: what counts is what the server lists then,
// and the default branch that git names.
func TestT08TheBaseIsLookedAtAgainBeforeTheStart(t *testing.T) {
	world := newGateWorld(t, twoProjects())
	_, err := world.GitHub.As("ana").Push(repository, "release", "x", double.Files{"x": "y"})
	world.Check(err)
	_, sha := world.Open(change("other/main.tf"))
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
			w := world.of(t)
			tip, err := w.GitHub.Tip(repository, "release")
			w.Check(err)
			if tt.base == "main" {
				tip, err = w.GitHub.Tip(repository, "main")
				w.Check(err)
			}
			w.Gate.Branches = func(string) []string { return tt.listed }
			err = w.Gate.Recheck(t.Context(), run.Run{
				Subject: run.Subject{Repository: run.Repository{ID: w.RepositoryID(), Owner: "acme", Name: "infra", InstallationID: 1}, PullRequest: 1},
				HeadRef: "topic", HeadSHA: sha, BaseRef: tt.base, BaseSHA: tip,
			})
			if tt.code == "" {
				w.Check(err)
				return
			}
			w.Refused(run.Preparation{}, err, tt.code)
		})
	}
}

// A head branch that is gone is no fault of the App's permissions.
func TestAHeadBranchThatIsGoneIsSaidSo(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	w.Transport = headless{}
	p, err := w.Apply(n)
	if problem := w.Refused(p, err, "head_gone", "is gone", "Restore it"); strings.Contains(problem.Message, "permission") {
		t.Error(problem.Message)
	}
}

// headless is a GitHub that knows no head commit of pull requests.
type headless struct{}

var headCommit = regexp.MustCompile(`"sha":"[0-9a-f]{40}"`)

func (headless) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !strings.HasSuffix(path.Dir(r.URL.Path), "/pulls") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = headCommit.ReplaceAll(body, []byte(`"sha":""`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}
