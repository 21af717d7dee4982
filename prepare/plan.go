package prepare

import (
	"context"

	"github.com/lockkeeper/lockkeeper/run"
)

// plan prepares a plan of the pull request's head on its base branch, or of what
// the merge queue is about to merge.
func (p *Preparer) plan(ctx context.Context, r run.Run) (run.Preparation, error) {
	judged, err := p.Gate.Plan(ctx, r)
	f := judged.Pull
	out := run.Preparation{HeadSHA: f.HeadSHA, BaseRef: f.BaseRef, BaseSHA: f.BaseSHA}
	if err != nil {
		return out, err
	}
	found, err := p.find(ctx, r, f, commits{head: f.HeadSHA, base: f.BaseSHA, config: judged.BaseTip})
	if err != nil {
		return out, err
	}
	rev := found.forGate()
	out.Behind, out.Notes, out.Untouched, out.PlanOnly = rev.Behind, rev.Notes, rev.Unaffected(), rev.PlansOnly()
	out.ConfigMistakes, out.Mistakes = len(found.mistakes), found.mistakes[:min(len(found.mistakes), maxMistakes)]
	if err := p.describe(r, f, &rev); err != nil {
		return out, err
	}
	out.Drafts, out.Unrefreshed = judged.Drafts(rev), judged.Unrefreshed(rev)
	if err := judged.Judge(ctx, rev); err != nil {
		return out, err
	}
	if out.Documents, out.Failed, err = p.documents(ctx, r, found, rev.Targets); err != nil {
		return out, err
	}
	out.Gate, err = judged.Preview(ctx, rev)
	return out, err
}
