package main

import (
	"context"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/run"
)

// facts reads what policy needs to judge a person.
func facts(p *prepare.Preparer) func(context.Context, run.Repository, int, string, []string) (policy.Facts, error) {
	return func(ctx context.Context, repo run.Repository, pull int, actor string, _ []string) (policy.Facts, error) {
		return p.Facts(ctx, repo, pull, actor)
	}
}

// why answers /why.
func why(p *prepare.Preparer) func(context.Context, run.Repository, int, string, []string) (string, error) {
	return func(context.Context, run.Repository, int, string, []string) (string, error) {
		return "Not yet.", nil
	}
}
