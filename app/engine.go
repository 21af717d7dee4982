package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// newEngine makes the engine that the config names.
func newEngine(ctx context.Context, cfg config.Config, k storage) (run.Backend, error) {
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

// withoutTerraform makes one sentence of what the library reports about a network
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

// tofuByDefault reports whether the first program of the local engine is OpenTofu.
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
	small, err := siblingBinary("lockkeeper-runner")
	if small != "" || err != nil {
		return []string{small}, err
	}
	executable, err := OwnExecutable()
	return []string{executable, "runner"}, err
}
