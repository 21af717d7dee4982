package main

import (
	"context"
	"errors"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/run"
)

// why answers /why: every reason for and against an apply by whoever asks.
func why(p *prepare.Preparer) func(context.Context, run.Repository, int, string, []string) (string, error) {
	return func(ctx context.Context, repo run.Repository, pull int, actor string, projects []string) (string, error) {
		v, err := p.Why(ctx, repo, pull, actor, projects)
		if problem, ok := errors.AsType[*run.Problem](err); ok {
			return report.Refusal(run.Run{Line: "/why", Problem: problem}), nil
		}
		if err != nil {
			return "", err
		}
		return reasons(v, "you"), nil
	}
}

// reasons is a verdict about applying for people, in Markdown that reads well
// in a terminal, too.
func reasons(v policy.Verdict, who string) string {
	if v.Allowed {
		return "**`/apply` is allowed** for " + who + " now:\n\n" + v.Why()
	}
	return "**`/apply` is not allowed** for " + who + " yet:\n\n" + v.Why()
}
