package prepare

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Merged says which projects a pull request that was merged changed, by the lockkeeper.yml
// of the base branch after it: each by the document that its plan would have had, without
// source and rules. It starts nothing, and what a fork brought is only read, which is in the
// base branch by now. There are none where nothing is planned for the branch. Its errors
// are those of Prepare.
func (p *Preparer) Merged(ctx context.Context, repo run.Repository, number int) ([]run.JobDocument, error) {
	r := run.Run{Subject: run.Subject{Repository: repo, PullRequest: number}, Kind: run.KindPlan, Trigger: run.TriggerPush}
	docs, err := p.merged(ctx, r)
	return docs, gate.Explain(r, err, p.Gate.Now())
}

func (p *Preparer) merged(ctx context.Context, r run.Run) ([]run.JobDocument, error) {
	f, ok, err := p.Gate.Merged(ctx, r)
	if err != nil || !ok {
		return nil, err
	}
	c, err := p.beforeTheMerge(ctx, r, f)
	if err != nil {
		return nil, err
	}
	found, err := p.find(ctx, r, f, c)
	if err != nil {
		return nil, err
	}
	f.BaseSHA = c.base
	var docs []run.JobDocument
	for _, proj := range found.projects {
		doc, err := p.document(r, f, found.graph, proj)
		if _, none := errors.AsType[*run.Problem](err); none {
			continue // for an environment that is not there, or not for this repository
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	slices.SortFunc(docs, func(a, b run.JobDocument) int { return cmp.Compare(a.Project.Name, b.Project.Name) })
	return docs, nil
}

// beforeTheMerge are the commits to compare.
func (p *Preparer) beforeTheMerge(ctx context.Context, r run.Run, f pull.Facts) (commits, error) {
	c := commits{head: f.HeadSHA, config: f.MergeSHA}
	mirror, err := p.Gate.Mirrors.Open(ctx, f.RepositoryID)
	if err != nil {
		return c, err
	}
	if err := mirror.Fetch(ctx, p.Gate.Remote(r.Repository, f.CloneURL), c.head, c.config, f.BaseThen); err != nil {
		return c, err
	}
	c.base, err = mirror.BeforeMerge(ctx, c.config, f.BaseThen, c.head)
	return c, err
}
