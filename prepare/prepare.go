// Package prepare turns an accepted run into jobs: it reads the pull request's
// facts, lets policy judge them, brings the commits here, finds the projects,
// and stores the source that each of them needs.
//
// Place in the flow: between commands and the backend; package run calls it
// for each accepted run and may call it again after a crash, so it changes
// nothing but caches (mirror, index, content-addressed sources). It is the one
// package that composes pull, project, policy and artifact; it must not know
// webhooks, the store, how jobs are executed, or how anything looks on GitHub.
package prepare

import (
	"context"
	"errors"
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
	Client  func(installationID int64) (*github.Client, error)
	Token   func(ctx context.Context, r run.Repository) (string, error) // may read the repository's contents
	Mirrors *pull.Mirrors
	Index   *project.Index
	// PutSource stores a source archive under the SHA-256 of its content.
	PutSource    func(ctx context.Context, archive io.Reader) (run.Artifact, error)
	Environments Environments
	PlanPolicy   PlanPolicy
	Limits       run.JobLimits
	MaxProjects  int // of one run
	Now          func() time.Time

	sources sourceCache
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
}

// Prepare reads what a run needs. Its errors are those that run.Worker
// documents: *run.Problem, *run.SilentRefusal, *run.Temporary, or any other.
func (p *Preparer) Prepare(ctx context.Context, r run.Run) (run.Preparation, error) {
	out, err := p.prepare(ctx, r)
	if err == nil {
		return out, nil
	}
	if wait, temporary := pull.RetryAfter(err, p.Now()); temporary {
		return out, &run.Temporary{After: wait, Err: err}
	}
	return out, explain(err)
}

func (p *Preparer) prepare(ctx context.Context, r run.Run) (run.Preparation, error) {
	facts, err := p.facts(ctx, r)
	if err != nil {
		return run.Preparation{}, err
	}
	out := run.Preparation{HeadSHA: facts.HeadSHA, BaseRef: facts.BaseRef, BaseSHA: facts.BaseSHA}
	if err := judge(r, facts); err != nil {
		return out, err
	}
	found, err := p.find(ctx, r, facts)
	if err != nil {
		return out, err
	}
	out.Behind, out.Notes = found.behind, found.notes
	out.Documents, err = p.documents(ctx, r, facts, found)
	return out, err
}

func (p *Preparer) facts(ctx context.Context, r run.Run) (pull.Facts, error) {
	client, err := p.Client(r.Repository.InstallationID)
	if err != nil {
		return pull.Facts{}, fmt.Errorf("getting a client for installation %d: %w", r.Repository.InstallationID, err)
	}
	return pull.Read(ctx, client, pull.Request{
		Owner: r.Repository.Owner, Name: r.Repository.Name, Number: r.PullRequest,
		Actor: r.Actor, NeedPermission: r.Trigger != run.TriggerPush,
	})
}

// judge refuses what policy does not allow, and the plan of a push that
// another push has overtaken: that one has a run of its own.
func judge(r run.Run, f pull.Facts) error {
	v := policy.Plan(policyFacts(r, f))
	switch {
	case !v.Allowed && v.Silent():
		return &run.SilentRefusal{Problem: run.Problem{Code: v.Missing()[0].Predicate, Message: v.Explain()}}
	case !v.Allowed:
		return &run.Problem{Code: v.Missing()[0].Predicate, Message: v.Explain()}
	case r.Trigger == run.TriggerPush && r.HeadSHA != "" && r.HeadSHA != f.HeadSHA:
		return &run.SilentRefusal{Problem: run.Problem{Code: "overtaken", Message: "A newer push has its own plan."}}
	}
	return nil
}

func policyFacts(r run.Run, f pull.Facts) policy.Facts {
	return policy.Facts{
		Open: f.Open, Fork: f.Fork, Asked: r.Trigger != run.TriggerPush,
		Actor: r.Actor, Permission: f.ActorPermission, Repository: r.Repository.FullName(),
	}
}

// explain turns mistakes of people into problems; anything else stays as it is.
func explain(err error) error {
	var problems project.Problems
	var unknown *project.UnknownError
	var refused *pull.RefusedError
	switch {
	case errors.Is(err, pull.ErrUnrelated):
		return &run.Problem{Code: "unrelated", Message: "The branch shares no history with its base, so what it changes " +
			"cannot be told. Make the branch from the base branch and push it again."}
	case errors.As(err, &problems):
		return &run.Problem{Code: "config", Detail: problems.Error(),
			Message: "`lockkeeper.yml` on the base branch has mistakes, so nothing was planned. Mend it on the base " +
				"branch (`lockkeeper validate` checks it before you push), then comment `/plan`."}
	case errors.As(err, &unknown):
		return unknownProject(unknown)
	case errors.As(err, &refused):
		return &run.Problem{Code: "source", Detail: refused.Error(),
			Message: "The source of this pull request holds something that Lockkeeper does not hand to Terraform. " +
				"Remove it from the branch and push again."}
	}
	return err
}

func unknownProject(e *project.UnknownError) *run.Problem {
	message := "No project is called " + run.Quote(e.Selector) + ", so nothing was planned. "
	switch len(e.Close) {
	case 0:
		message += "This repository has no projects at this commit."
	default:
		message += fmt.Sprintf("There are %s here, such as:", projects(e.Total))
		for _, name := range e.Close {
			message += "\n- " + run.Quote(name)
		}
		message += "\n\nType the exact name, or a pattern such as `/plan " + globExample(e.Close[0]) + "`."
	}
	return &run.Problem{Code: "unknown_project", Message: message}
}

func projects(n int) string {
	if n == 1 {
		return "1 project"
	}
	return fmt.Sprintf("%d projects", n)
}

// globExample makes a pattern from a project name, whose characters
// lockkeeper.yml restricts.
func globExample(name string) string {
	for i, r := range name {
		if i > 0 && (r == '-' || r == '/' || r == '_') {
			return name[:i+1] + "*"
		}
	}
	return name + "*"
}

// Facts reads what policy needs to judge a person who asked for something that
// is no run, such as /cancel.
func (p *Preparer) Facts(ctx context.Context, repo run.Repository, pullRequest int, actor string) (policy.Facts, error) {
	r := run.Run{Repository: repo, PullRequest: pullRequest, Actor: actor, Trigger: run.TriggerComment}
	facts, err := p.facts(ctx, r)
	if err != nil {
		return policy.Facts{}, err
	}
	return policyFacts(r, facts), nil
}
