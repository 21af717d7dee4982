// Package preparetest makes a preparer and its gate in front of a GitHub with real git,
// for tests of both.
//
// It must not be imported by anything but tests.
package preparetest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/openapi"
)

// Repository is the one there is.
const Repository = "acme/infra"

// Fixture is a preparer, with its gate, in front of a GitHub with real git.
type Fixture struct {
	*testing.T
	GitHub    *double.Double
	Gate      *gate.Keeper
	Preparer  *prepare.Preparer
	Artifacts *artifact.Dir
	URL       string
	Transport http.RoundTripper // nil: the default
	Stored    atomic.Int64      // sources put
	Lax       string            // a contradiction to GitHub's description that GitHub itself makes
}

// NewFixture makes one whose base branch holds files. What is said to GitHub is compared
// with GitHub's own description.
func NewFixture(t *testing.T, files double.Files) *Fixture {
	t.Helper()
	f := &Fixture{T: t}
	f.begin(files)
	artifacts, err := artifact.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = artifacts.Close() })
	f.Artifacts = artifacts
	f.Gate = f.keeper()
	f.Preparer = &prepare.Preparer{
		Gate: f.Gate,
		PutSource: func(ctx context.Context, r io.Reader) (run.Artifact, error) {
			f.Stored.Add(1)
			return artifacts.PutContent(ctx, "sources", r)
		},
		Environments: prepare.Environments{Default: "dev", ByName: map[string]prepare.Environment{
			"dev":  {Job: run.JobEnvironment{Name: "dev"}, BackendConfig: map[string]string{"path": "/states/{owner}/{repo}/{project}-{workspace}", "workspace_dir": "/states/dev"}},
			"prod": {Job: run.JobEnvironment{Name: "prod", Account: "1234"}, BackendConfig: map[string]string{"path": "/states/prod/{project}", "workspace_dir": "/states/prod"}},
		}},
		Limits: run.JobLimits{Seconds: 60, PlanBytes: 1 << 20}, MaxProjects: 5,
	}
	f.Gate.Find = f.Preparer.Find
	return f
}

// begin starts GitHub, with a repository whose base branch holds files.
func (f *Fixture) begin(files double.Files) {
	t := f.T
	t.Helper()
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	spec, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	d, err := double.New(double.Options{Dir: t.TempDir(), BaseURL: srv.URL, App: double.App{ID: 1, Slug: "lockkeeper"},
		Checker: openapi.NewChecker(spec, func(violation string) {
			if f.Lax == "" || !strings.Contains(violation, f.Lax) {
				t.Error(violation)
			}
		})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	mux.Handle("/", d.Handler())
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(d.AddOrg("acme", "ana"))
	check(d.AddRepository("acme", "infra", "main"))
	check(d.SetPermission(Repository, "ana", "write"))
	check(d.SetPermission(Repository, "sam", "read"))
	check(d.AddUser("stranger", "User"))
	_, err = d.Commit(Repository, "main", "ana", "base", files)
	check(err)

	f.GitHub, f.URL = d, srv.URL
}

// keeper is a gate in front of it.
func (f *Fixture) keeper() *gate.Keeper {
	// A person's token stands in for the installation's: what is read is the same.
	token := f.GitHub.As("ana").Token()
	return &gate.Keeper{
		Client: func(int64) (*github.Client, error) {
			c, err := github.NewClient(&http.Client{Transport: f.Transport}).WithAuthToken(token).WithEnterpriseURLs(f.URL, f.URL)
			return c, err
		},
		Token:       func(context.Context, run.Repository, string) (string, error) { return token, nil },
		Mirrors:     &pull.Mirrors{Dir: f.TempDir()},
		Index:       new(project.Index),
		PlansItself: func(draft bool) bool { return !draft },
		Locks:       func(context.Context) (run.Locks, error) { return run.Locks{}, nil },
		Now:         time.Now,
	}
}

// Open pushes files to a branch and opens a pull request.
func (f *Fixture) Open(files double.Files) (number int, sha string) {
	f.Helper()
	sha, err := f.GitHub.As("ana").Push(Repository, "topic", "change", files)
	if err != nil {
		f.Fatal(err)
	}
	number, err = f.GitHub.As("ana").OpenPull(Repository, "topic", "main", "change", "", false)
	if err != nil {
		f.Fatal(err)
	}
	return number, sha
}

// Prepare prepares a plan that was commented.
func (f *Fixture) Prepare(number int, change ...func(*run.Run)) (run.Preparation, error) {
	r := run.Run{
		ID: "r", Subject: run.Subject{Repository: run.Repository{ID: f.RepositoryID(), Owner: "acme", Name: "infra", InstallationID: 1}, PullRequest: number},
		Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "ana", State: run.StateAccepted,
	}
	for _, c := range change {
		c(&r)
	}
	return f.Preparer.Prepare(f.Context(), r)
}

// RepositoryID is the one of Repository.
func (f *Fixture) RepositoryID() int64 {
	f.Helper()
	client, err := f.Gate.Client(1)
	if err != nil {
		f.Fatal(err)
	}
	repo, _, err := client.Repositories.Get(f.Context(), "acme", "infra")
	if err != nil {
		f.Fatal(err)
	}
	return repo.GetID()
}

// Root is a root module.
const Root = "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"x\" {}\n"

// TwoProjects share a module.
func TwoProjects() double.Files {
	return double.Files{
		"modules/net/main.tf": "resource \"terraform_data\" \"n\" {}\n",
		"live/dev/main.tf":    Root + "module \"net\" {\n  source = \"../../modules/net\"\n}\n",
		"live/prod/main.tf":   Root + "module \"net\" {\n  source = \"../../modules/net\"\n}\n",
		"other/main.tf":       Root,
		"README.md":           "hello\n",
	}
}

// Config names the projects of TwoProjects.
const Config = `version: 1
projects:
  - {name: net-dev, dir: live/dev}
  - {name: net-prod, dir: live/prod, environment: prod, workspace: blue, var_files: [prod.tfvars], terraform: "1.11.4", after: [net-dev]}
`

// Names are the projects of the documents.
func Names(p run.Preparation) (out []string) {
	for _, d := range p.Documents {
		out = append(out, d.Project.Name)
	}
	return out
}
