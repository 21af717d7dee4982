// Package prepare turns an accepted run into jobs: it brings the commits here, finds
// the projects that the run is about and what people should know of them, and makes
// the document of each job with the source that it needs, or with its stored plan.
//
// Place in the flow: between the gate, which judges a run by what is found here, and
// the backend; the worker calls it for each accepted run and may call it again after a
// crash, so it changes nothing but caches (mirror, index, content-addressed sources).
// It must not know reviews, approvals and locks, which are the gate's, webhooks, the
// store, how jobs are executed, or how anything looks on GitHub.
package prepare

import (
	"context"
	"fmt"
	"io"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Preparer prepares runs. Its fields are set before use and not changed after.
type Preparer struct {
	// Gate judges runs. Its mirrors, index of trees, rules of environments, token and
	// clock are used here, too, and its Find is the one of this Preparer.
	Gate *gate.Keeper
	// PutSource stores a source archive under the SHA-256 of its content.
	PutSource    func(ctx context.Context, archive io.Reader) (run.Artifact, error)
	Environments Environments
	PlanPolicy   PlanPolicy // rules that plans are judged by
	// CheckRules reads and compiles the rules in dir, a slash-separated path below
	// root, and returns their mistakes; nil checks nothing.
	CheckRules func(ctx context.Context, root, dir string) ([]run.Diagnostic, error)
	// Reach reports whether the jobs of a repository (owner/name) get only what their
	// project reaches; nil is no repository.
	Reach func(repository string) bool
	// Large reports whether the content of a repository's large files (Git LFS) is
	// fetched; nil is of no repository.
	Large func(repository string) bool
	// Submodule reports whether a repository is fetched as a submodule of another one's commits
	// (owner/name both), and FindSubmodule finds it, as pull.Submodules says; nil is none.
	Submodule     func(repository, submodule string) bool
	FindSubmodule func(ctx context.Context, repository string) (int64, pull.Remote, error)
	// JobsMachines says that each job has a machine of its own, whose files end with it.
	JobsMachines bool
	Tofu         bool // a project that asks for no version is planned by OpenTofu
	Limits       run.JobLimits
	MaxProjects  int // of one run

	archives archiveCache
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
	return out, gate.Explain(r, err, p.Gate.Now())
}
