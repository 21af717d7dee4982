package prepare

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Merged says which projects a pull request that was merged changed, by the lockkeeper.yml
// of the base branch after it: each by the document that its plan would have had, without
// source and rules. It starts nothing, and what a fork brought is only read, which is in the
// base branch by now. There are none where nothing is planned for the branch. Its errors
// are those of Prepare.
func (p *Preparer) Merged(ctx context.Context, repo run.Repository, number int) ([]run.JobDocument, error) {
	r := run.Run{Repository: repo, PullRequest: number, Kind: run.KindPlan, Trigger: run.TriggerPush}
	docs, err := p.merged(ctx, r)
	return docs, p.outcome(r, err)
}

func (p *Preparer) merged(ctx context.Context, r run.Run) ([]run.JobDocument, error) {
	rd, err := p.newReading(r)
	if err != nil {
		return nil, err
	}
	request := rd.request
	request.NoTip = true
	if err := rd.readPull(ctx, request); err != nil {
		return nil, err
	}
	facts := p.facts(rd, pull.Authors{})
	facts.Open, facts.Fork = true, false // as before the merge, which made it the branch's own
	if !rd.pull.Merged || !policy.Plan(facts).Allowed {
		return nil, nil
	}
	c, err := p.beforeTheMerge(ctx, rd)
	if err != nil {
		return nil, err
	}
	found, err := p.find(ctx, r, rd.pull, c)
	if err != nil {
		return nil, err
	}
	rd.pull.BaseSHA = c.base
	var docs []run.JobDocument
	for _, proj := range found.projects {
		doc, err := p.document(r, rd.pull, found.graph, proj)
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
func (p *Preparer) beforeTheMerge(ctx context.Context, rd *reading) (commits, error) {
	c := commits{head: rd.pull.HeadSHA, config: rd.pull.MergeSHA}
	mirror, err := p.Mirrors.Open(ctx, rd.pull.RepositoryID)
	if err != nil {
		return c, err
	}
	if err := mirror.Fetch(ctx, p.remote(rd.run.Repository, rd.pull.CloneURL), c.head, c.config, rd.pull.BaseThen); err != nil {
		return c, err
	}
	c.base, err = mirror.BeforeMerge(ctx, c.config, rd.pull.BaseThen, c.head)
	return c, err
}
