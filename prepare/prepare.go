// Package prepare turns an accepted run into jobs: it reads the pull request's
// facts, lets policy judge them, brings the commits here, finds the projects,
// and stores the source that each of them needs, or gives each its stored plan.
//
// Place in the flow: between commands and the backend; package run calls it
// for each accepted run and may call it again after a crash, so it changes
// nothing but caches (mirror, index, content-addressed sources). It is the one
// package that composes pull, project, policy and artifact; it must not know
// webhooks, the store, how jobs are executed, or how anything looks on GitHub.
package prepare

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Preparer prepares runs. Its fields are set before use and not changed after.
type Preparer struct {
	Client func(installationID int64) (*github.Client, error)
	// Token may read the repository's contents, and is another one than refused.
	Token   func(ctx context.Context, r run.Repository, refused string) (string, error)
	WebURL  string // of GitHub, such as https://github.com
	Mirrors *pull.Mirrors
	Index   *project.Index
	// PutSource stores a source archive under the SHA-256 of its content.
	PutSource func(ctx context.Context, archive io.Reader) (run.Artifact, error)
	// Open reads an artifact of a job; bytes are good once io.EOF was seen, and
	// one that is not there any more is fs.ErrNotExist.
	Open func(ctx context.Context, a run.Artifact) (io.ReadCloser, error)
	// Has reports whether an artifact is still there, where the server may not
	// read plans; nil asks Open.
	Has          func(ctx context.Context, ref run.Artifact) (bool, error)
	Environments Environments
	// Rules is what an apply must pass, by environment. In one without rules
	// nothing is applied.
	Rules      map[string]policy.Rules
	PlanPolicy PlanPolicy // rules that plans are judged by
	// CheckRules reads and compiles the rules in dir, a slash-separated path below
	// root, and returns their mistakes; nil checks nothing.
	CheckRules func(ctx context.Context, root, dir string) ([]run.Diagnostic, error)
	// Runs returns the runs of a pull request, newest first, as many as there may
	// be of one commit.
	Runs  func(ctx context.Context, repositoryID int64, pullRequest int) ([]run.Run, error)
	Locks func(ctx context.Context) (run.Locks, error)
	// Branches are those that the server's config lists as bases of a repository
	// (owner/name); none, or nil, means its default branch alone.
	Branches func(repository string) []string
	// Pushes lists who is known to have pushed these commits. KeepPushes keeps what
	// GitHub told about others; nil keeps nothing.
	Pushes     func(ctx context.Context, repositoryID int64, shas []string) ([]run.Push, error)
	KeepPushes func(ctx context.Context, pushes []run.Push) error
	// IsTool reports whether an address of commits is no person's; nil: none is.
	IsTool func(email string) bool
	// TrustedPusher reports whether an App's account pushes by itself alone, and
	// nothing that people tell it to; nil: none does.
	TrustedPusher func(login string) bool
	// PlansItself reports whether a push to a pull request makes a plan that nobody
	// asked for; nil: none does.
	PlansItself func(draft bool) bool
	// Reach reports whether the jobs of a repository (owner/name) get only what their
	// project reaches; nil is no repository.
	Reach func(repository string) bool
	// Large reports whether the content of a repository's large files (Git LFS) is
	// fetched; nil is of no repository.
	Large func(repository string) bool
	// Submodule reports whether a repository is fetched as a submodule of another one's commits
	// (owner/name both), and Find finds it, as pull.Submodules says; nil is none.
	Submodule   func(repository, submodule string) bool
	Find        func(ctx context.Context, repository string) (int64, pull.Remote, error)
	LockAtApply bool // plans take no locks
	// JobsMachines says that each job has a machine of its own, whose files end with it.
	JobsMachines bool
	Tofu         bool // a project that asks for no version is planned by OpenTofu
	Limits       run.JobLimits
	MaxProjects  int // of one run
	Now          func() time.Time

	archives   archiveCache
	foresights foresights
}

// Environments is what the server's config says about targets.
type Environments struct {
	Default string
	ByName  map[string]Environment
}

// Environment is one target.
type Environment struct {
	Job run.JobEnvironment
	// BackendConfig goes to terraform init as -backend-config and wins over the
	// project's own. In values {owner}, {repo}, {project}, {dir} and {workspace}
	// are replaced; a slash inside of a replacement stays a slash.
	BackendConfig map[string]string
	// Variables are the names of Terraform's variables that jobs get a value of.
	Variables []string
	// For reports whether a repository (owner/name) may use it; nil: every one.
	For func(repository string) bool
}

// Prepare reads what a run needs. Its errors are those that worker.Worker
// documents: *run.Problem, *run.SilentRefusal, *run.Temporary, or any other.
func (p *Preparer) Prepare(ctx context.Context, r run.Run) (run.Preparation, error) {
	var out run.Preparation
	var err error
	switch r.Kind {
	case run.KindPlan:
		out, err = p.plan(ctx, r)
	case run.KindApply:
		out, err = p.apply(ctx, r)
	default:
		err = fmt.Errorf("preparing: no run is of kind %q", r.Kind)
	}
	return out, p.outcome(r, err)
}
