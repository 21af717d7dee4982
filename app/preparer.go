package app

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// newPreparer makes what prepares runs, with the gate that judges them.
func newPreparer(cfg config.Config, o Options, clients githubapp.ClientCreator, k storage) *prepare.Preparer {
	environments := prepare.Environments{Default: cfg.DefaultEnvironment, ByName: map[string]prepare.Environment{}}
	for name, env := range cfg.Environments {
		environments.ByName[name] = prepare.Environment{
			Job: jobEnvironment(cfg.Engine, name, env), BackendConfig: env.BackendConfig, Variables: env.Inputs(), For: env.ServesRepository,
		}
	}
	tokens := newGitTokens(clients)
	p := &prepare.Preparer{
		Gate: newGate(cfg, clients, tokens, k),
		PutSource: func(ctx context.Context, archive io.Reader) (run.Artifact, error) {
			return k.artifacts.PutContent(ctx, "sources", archive)
		},
		Environments: environments,
		PlanPolicy:   prepare.PlanPolicy{Dir: cfg.PlanPolicy.Dir, Server: cfg.PlanPolicy.ServerDir},
		CheckRules:   rulesMistakes,
		Reach:        cfg.ReachOf, Large: cfg.LFSOf, Submodule: cfg.SubmoduleOf, FindSubmodule: tokens.finder(cfg.GitHub.URL),
		JobsMachines: cfg.Engine == "aws" && !o.SharedDisk, Tofu: tofuByDefault(cfg),
		Limits:      run.JobLimits{Seconds: int(cfg.Limits.JobTimeout.Seconds()), PlanBytes: int64(cfg.Limits.PlanFileBytes)},
		MaxProjects: cfg.Limits.ProjectsPerRun,
	}
	p.Gate.Find = p.Find
	return p
}

func newGate(cfg config.Config, clients githubapp.ClientCreator, tokens *gitTokens, k storage) *gate.Keeper {
	rules := map[string]policy.Rules{}
	for name, env := range cfg.Environments {
		rules[name] = policyRules(env.Policy)
	}
	var has func(context.Context, run.Artifact) (bool, error)
	if b, ok := k.artifacts.(*bucket.Bucket); ok {
		has = b.Has
	}
	return &gate.Keeper{
		Client: func(id int64) (*github.Client, error) { return clients.NewInstallationClient(id) },
		Token:  tokens.read, WebURL: cfg.GitHub.URL,
		Mirrors: &pull.Mirrors{Dir: filepath.Join(cfg.DataDir, "mirrors")}, Index: k.index,
		Open:  func(ctx context.Context, ref run.Artifact) (io.ReadCloser, error) { return k.artifacts.Open(ctx, ref) },
		Has:   has,
		Rules: rules,
		Runs:  k.db.CommitRuns,
		Locks: k.db.Locks, LockAtApply: cfg.Locks.At == "apply",
		Branches: cfg.BranchesOf, IsTool: cfg.IsTool, TrustedPusher: cfg.TrustedPusher, Pushes: k.db.Pushes, KeepPushes: k.db.PutPushes,
		PlansItself: func(draft bool) bool { return cfg.Autoplan.Enabled && (!draft || cfg.Autoplan.Drafts) },
		Now:         time.Now,
	}
}
