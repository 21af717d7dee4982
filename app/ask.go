package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/run"
)

// why answers /why: every reason for and against an apply by the person who asks.
func why(k *gate.Keeper) func(context.Context, run.Repository, int, string, []string) (string, error) {
	return func(ctx context.Context, repo run.Repository, pull int, actor string, projects []string) (string, error) {
		v, err := k.Why(ctx, repo, pull, actor, projects)
		if problem, ok := errors.AsType[*run.Problem](err); ok {
			return report.Refusal(run.Run{Line: "/why", Problem: problem}), nil
		}
		if err != nil {
			return "", err
		}
		return reasons(v), nil
	}
}

// reasons is a verdict about applying for the requester, in Markdown. What supports it
// is folded.
func reasons(v policy.Verdict) string {
	against, supports, n := v.Lists()
	text := "**`/apply` is not allowed** for you yet:\n\n" + against
	if v.Allowed {
		text = "**`/apply` is allowed** for you now.\n"
	}
	if n > 0 {
		text += "\n" + markdown.Details(fmt.Sprintf("What is as it should be (%d)", n), supports)
	}
	return text
}
