package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// newEngine makes the engine that the config names.
func newEngine(ctx context.Context, cfg config.Config, k kept) (run.Backend, error) {
	if cfg.Engine == "aws" {
		return newAWSEngine(ctx, cfg, k.db)
	}
	if err := checkIsolation(ctx, cfg.Isolation); err != nil {
		return nil, err
	}
	runner, err := runnerCommand()
	if err != nil {
		return nil, err
	}
	binaries, err := toolchain.Find(ctx, toolchain.Options{Paths: cfg.Terraform.Binaries, Dir: filepath.Join(cfg.DataDir, "terraform")})
	if err != nil {
		return nil, withoutTerraform(err)
	}
	cgroup := useCgroup(ctx, cfg.Isolation)
	evaluator, err := FindEvaluator()
	if err != nil && cfg.PlanPolicy != (config.PlanPolicy{}) {
		return nil, fmt.Errorf("plan_policy is set in the config, and %w", err)
	}
	engine, err := local.New(ctx, local.Options{
		Dir: filepath.Join(cfg.DataDir, "jobs"), Artifacts: filepath.Join(cfg.DataDir, "artifacts"),
		Keys: k.keys, Executable: runner, Evaluator: evaluator, Terraform: binaries, Parallel: cfg.Limits.TerraformProcesses,
		Secrets: func(_ context.Context, env run.JobEnvironment, kind run.Kind) (map[string]string, error) {
			return cfg.Environments[env.Name].Resolve(string(kind), os.Getenv)
		},
		Isolation: jail.Mode(cfg.Isolation), Cgroup: cgroup, Limits: jobLimits(cfg.Limits), Disk: int64(cfg.Limits.JobDisk), Reserve: k.reserve.Last(),
		Directories: directories(cfg.Environments),
		Pass:        []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"},
		Now:         time.Now,
	})
	if err != nil {
		return nil, err
	}
	return localEngine{engine, binaries}, nil
}

// localEngine knows its programs.
type localEngine struct {
	*local.Engine
	binaries *toolchain.Toolchain
}

// terraforms are the programs that an engine of this machine plans with, such as
// "Terraform 1.11.4", the one of projects that ask for none first; none of another
// engine, whose jobs bring their own.
func terraforms(engine run.Backend) []string {
	if here, ok := engine.(localEngine); ok {
		return here.binaries.Versions()
	}
	return nil
}

// withoutTerraform makes one sentence of what the library tells about a network
// that does not let it fetch Terraform: each attempt, with its address.
func withoutTerraform(err error) error {
	if _, ok := errors.AsType[*url.Error](err); !ok {
		return err
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		err = cause
	}
	return fmt.Errorf("no terraform and no tofu on the PATH, and Terraform %s cannot be fetched (%w): install one of them, or name it with terraform.binaries in the config", toolchain.Pinned, err)
}

// tofuByDefault tells that the first program of the local engine is OpenTofu.
func tofuByDefault(cfg config.Config) bool {
	if cfg.Engine == "aws" {
		return false
	}
	if listed := cfg.Terraform.Binaries; len(listed) > 0 {
		return strings.HasPrefix(filepath.Base(listed[0]), "tofu")
	}
	_, noTerraform := exec.LookPath("terraform")
	_, noTofu := exec.LookPath("tofu")
	return noTerraform != nil && noTofu == nil
}

// runnerCommand is what starts a job: the small runner beside this executable
// when it is there, else this executable.
func runnerCommand() ([]string, error) {
	small, err := beside("lockkeeper-runner")
	if small != "" || err != nil {
		return []string{small}, err
	}
	executable, err := OwnExecutable()
	return []string{executable, "runner"}, err
}

// judgedRuns is how many of the newest runs of a pull request are looked at to
// tell what is planned and what is applied.
const judgedRuns = 100

func newPreparer(cfg config.Config, o Options, clients githubapp.ClientCreator, k kept) *prepare.Preparer {
	rules := map[string]policy.Rules{}
	environments := prepare.Environments{Default: cfg.DefaultEnvironment, ByName: map[string]prepare.Environment{}}
	for name, env := range cfg.Environments {
		environments.ByName[name] = prepare.Environment{
			Job: jobEnvironment(cfg.Engine, name, env), BackendConfig: env.BackendConfig, Variables: env.Inputs(), For: env.ServesRepository,
		}
		rules[name] = policyRules(env.Policy)
	}
	var has func(context.Context, run.Artifact) (bool, error)
	if b, ok := k.artifacts.(*bucket.Bucket); ok {
		has = b.Has
	}
	tokens := newGitTokens(clients)
	return &prepare.Preparer{
		Has:     has,
		Client:  func(id int64) (*github.Client, error) { return clients.NewInstallationClient(id) },
		Token:   tokens.read,
		WebURL:  cfg.GitHub.URL,
		Mirrors: &pull.Mirrors{Dir: filepath.Join(cfg.DataDir, "mirrors")}, Index: k.index,
		PutSource: func(ctx context.Context, archive io.Reader) (run.Artifact, error) {
			return k.artifacts.PutContent(ctx, "sources", archive)
		},
		Open: func(ctx context.Context, ref run.Artifact) (io.ReadCloser, error) { return k.artifacts.Open(ctx, ref) },
		Runs: func(ctx context.Context, repositoryID int64, number int) ([]run.Run, error) {
			return k.db.PullRuns(ctx, repositoryID, number, judgedRuns)
		},
		PlansItself: func(draft bool) bool { return cfg.Autoplan.Enabled && (!draft || cfg.Autoplan.Drafts) },
		Branches:    cfg.BranchesOf, IsTool: cfg.IsTool, TrustedPusher: cfg.TrustedPusher, Reach: cfg.ReachOf, Large: cfg.LFSOf, Submodule: cfg.SubmoduleOf, Find: tokens.finder(cfg.GitHub.URL), Pushes: k.db.Pushes, KeepPushes: k.db.PutPushes,
		Locks: k.db.Locks, LockAtApply: cfg.Locks.At == "apply", Tofu: tofuByDefault(cfg),
		JobsMachines: cfg.Engine == "aws" && !o.SharedDisk,
		Environments: environments, Rules: rules,
		CheckRules:  rulesMistakes,
		PlanPolicy:  prepare.PlanPolicy{Dir: cfg.PlanPolicy.Dir, Server: cfg.PlanPolicy.ServerDir},
		Limits:      run.JobLimits{Seconds: int(cfg.Limits.JobTimeout.Seconds()), PlanBytes: int64(cfg.Limits.PlanFileBytes)},
		MaxProjects: cfg.Limits.ProjectsPerRun,
		Now:         time.Now,
	}
}
