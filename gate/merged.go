package gate

import (
	"context"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Merged reads a pull request that was merged; ok is false when it is not, or when
// nothing is planned for its base branch. A fork's is like any other: what it brought
// is the branch's own by now.
func (k *Keeper) Merged(ctx context.Context, r run.Run) (f pull.Facts, ok bool, err error) {
	d, err := k.newPullData(r)
	if err != nil {
		return f, false, err
	}
	request := d.request
	request.NoTip = true
	if err := d.readPull(ctx, request); err != nil {
		return f, false, err
	}
	facts := k.facts(d, pull.Authors{})
	facts.Open, facts.Fork = true, false // as before the merge
	return d.pull, d.pull.Merged && policy.Plan(facts).Allowed, nil
}
